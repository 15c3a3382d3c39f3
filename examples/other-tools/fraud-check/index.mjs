// A plugin without the library: it reads one JSON document and sends another.
import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";

const NAME = process.env.ORCHESTRATOR_PLUGIN_NAME ?? "FraudCheck";
const sqs = new SQSClient();

// What the orchestrator is told when it finds a subscription that no construct registered.
const ABOUT = {
  pluginName: NAME,
  default: { mandatory: false },
  startWithinSeconds: 60,
  timeoutSeconds: 300,
  description: "Compares what was applied for with what was applied for before",
};

export async function handler(event) {
  const message = JSON.parse(event.Records[0].Sns.Message);
  if (message.initialize) return ABOUT;
  if (!message.plugins.includes(NAME)) return undefined;

  const { uid, workflow, activity, stage, attempt } = message;
  const report = (news) =>
    sqs.send(
      new SendMessageCommand({
        QueueUrl: message.report_to,
        // A backlog of this plugin's reports then delays only its own.
        MessageGroupId: NAME.replaceAll(" ", "_"),
        MessageBody: JSON.stringify({ uid, workflow, activity, stage, attempt, plugin: NAME, ...news }),
      }),
    );

  await report({ state: "In Progress" });
  let end;
  try {
    end = { state: "Complete", output: check(message.metadata) };
  } catch (error) {
    end = { state: "Error", message: String(error) };
  }
  await report(end);
  return undefined;
}

export function check(metadata) {
  const { premium = 0, applications_this_month: applications = 0 } = metadata;
  if (applications < 0) throw new RangeError(`applications_this_month is ${applications}`);
  return { suspicious: applications > 3 && premium > 1000, applications };
}
