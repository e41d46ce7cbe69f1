/** Parameters and models that many operations of the table have in common. */

import { choice, double, map, model, object, objects, ossUri, text } from "./rows.js";
import { roleType } from "./vocabularies.js";

export const projectName = text("The project that the task belongs to and is paid by.", { required: true });

export const datasetName = text("The dataset of the project that the task works on.", { required: true });

/** IMM counts bytes, not characters. */
export const userData = text("A text that the task and its completion event give back.", { maxBytes: 2048 });

export const tags = map('Tags by which tasks can be listed. Example: `{ team: "web" }`.');

export const notification = object("Notification", "Where IMM announces the end of the task, besides EventBridge.");

export const credentialConfig = object(
  "CredentialConfig",
  "Roles to assume for objects that the project's own role cannot reach.",
);

/** What most operations take besides. */
export const followUp = { UserData: userData, Tags: tags, Notification: notification };
export const usual = { ...followUp, CredentialConfig: credentialConfig };

/** Where in a medium something begins, or how long it lasts. */
export function seconds(of: "start" | "duration", description: string): ReturnType<typeof double> {
  return double(description, { schemaName: `${of}Seconds`, atLeast: 0 });
}

export const sharedModels = {
  Notification: model(
    "Notification",
    "Where IMM announces the end of a task. A web address is not possible.",
    {
      MNS: object("MNS", "A topic of Simple Message Queue, in the project's region."),
      RocketMQ: object("RocketMQ", "A topic of RocketMQ, in the project's region."),
      ExtendedMessageURI: ossUri("OSS URI of the object that takes the details when they are too long for a message."),
    },
    { inputRules: [{ kind: "atLeastOneOf", members: ["MNS", "RocketMQ", "ExtendedMessageURI"] }] },
  ),
  MNS: model("MnsTopic", "A topic of Simple Message Queue (MNS).", {
    TopicName: text("The topic's name.", { needed: true }),
  }),
  RocketMQ: model("RocketMqTopic", "A topic of a RocketMQ 4.0 instance.", {
    InstanceId: text("The instance that has the topic.", { needed: true }),
    TopicName: text("The topic's name.", { needed: true }),
  }),
  CredentialConfig: model(
    "CredentialConfig",
    "How IMM reads and writes objects of other accounts: by roles that it assumes one after the other.",
    {
      ServiceRole: text("The role that IMM assumes first, in the account that calls."),
      Policy: text("A RAM policy, as JSON, that narrows what the service role may do."),
      Chain: objects(
        "CredentialConfigChain",
        "The roles to assume after `serviceRole`, in order; the last one reaches the objects.",
      ),
    },
    {
      inputRules: [
        { kind: "atLeastOneOf", members: ["ServiceRole", "Chain"] },
        { kind: "needs", member: "Policy", needs: "ServiceRole" },
      ],
    },
  ),
  CredentialConfigChain: model("CredentialChainLink", "One role in a chain of roles.", {
    Role: text("The role's name.", { needed: true }),
    RoleType: choice(roleType, "Who assumes the role."),
    AssumeRoleFor: text("The id of the account that the role is assumed for. Example: `1234567890123456`."),
  }),
};
