// Knows nothing of the orchestrator; Lambda reports what it returns.
exports.handler = async (event) => "As it is, " + JSON.parse(event.Records[0].Sns.Message).metadata.name;
