# The same plugin by Terraform: again, all that it knows of the platform are the names of two SSM parameters.

terraform {
  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "system" {
  description = "The system's name"
  type        = string
  default     = "insurance"
}

variable "stage" {
  description = "The deployment's stage"
  type        = string
  default     = "demo"
}

data "aws_ssm_parameter" "topic" {
  name = "/${var.system}/${var.stage}/activities/Rate/parallel/topic-arn"
}

data "aws_ssm_parameter" "results_queue" {
  name = "/${var.system}/${var.stage}/core/results-queue-arn"
}

data "archive_file" "code" {
  type        = "zip"
  source_dir  = "${path.module}/../fraud-check"
  output_path = "${path.module}/fraud-check.zip"
}

resource "aws_lambda_function" "fraud_check" {
  function_name    = "fraud-check-${var.stage}"
  filename         = data.archive_file.code.output_path
  source_code_hash = data.archive_file.code.output_base64sha256
  handler          = "index.handler"
  runtime          = "nodejs22.x"
  architectures    = ["arm64"]
  timeout          = 30
  role             = aws_iam_role.fraud_check.arn
}

resource "aws_iam_role" "fraud_check" {
  name_prefix = "fraud-check-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.fraud_check.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "report" {
  role = aws_iam_role.fraud_check.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = nonsensitive(data.aws_ssm_parameter.results_queue.value)
    }]
  })
}

# The stage may invoke the function,
resource "aws_lambda_permission" "stage" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.fraud_check.function_name
  principal     = "sns.amazonaws.com"
  source_arn    = nonsensitive(data.aws_ssm_parameter.topic.value)
}

# does so for these runs,
resource "aws_sns_topic_subscription" "fraud_check" {
  topic_arn = nonsensitive(data.aws_ssm_parameter.topic.value)
  protocol  = "lambda"
  endpoint  = aws_lambda_function.fraud_check.arn
  filter_policy = jsonencode({
    line    = ["auto"]
    plugins = ["FraudCheck"]
  })
  depends_on = [aws_lambda_permission.stage]
}

# and Lambda reports invocations that crash or time out.
resource "aws_lambda_function_event_invoke_config" "crashes" {
  function_name = aws_lambda_function.fraud_check.function_name
  destination_config {
    on_failure {
      destination = nonsensitive(data.aws_ssm_parameter.results_queue.value)
    }
  }
  # Lambda checks that the function's role may send there.
  depends_on = [aws_iam_role_policy.report]
}
