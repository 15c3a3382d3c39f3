// Has the AWS client that Lambda brings, and the contract.
const { SQSClient, SendMessageCommand } = require("@aws-sdk/client-sqs");
const sqs = new SQSClient();

exports.handler = async (event) => {
  const { uid, workflow, activity, stage, attempt, metadata, report_to } = JSON.parse(event.Records[0].Sns.Message);
  const report = { uid, workflow, activity, stage, attempt, plugin: process.env.ORCHESTRATOR_PLUGIN_NAME };
  const end = { ...report, state: "Complete", output: `Bonjour, ${metadata.name}` };
  await sqs.send(new SendMessageCommand({ QueueUrl: report_to, MessageBody: JSON.stringify(end) }));
};
