/** Parameters and models that many operations of the table have in common. */

import { map, model, object, objects, ossUri, text } from "./rows.js";

export const projectName = text("The project that the task belongs to and is paid by.", { required: true });

export const datasetName = text("The dataset of the project that the task works on.", { required: true });

/** IMM counts bytes, not characters. */
export const userData = text("Any text of yours; the task and its completion event give it back.", { maxBytes: 2048 });

export const tags = map("Tags of yours: tasks can be listed by them.");

export const notification = object("Notification", "Where IMM tells the end of the task, besides EventBridge.");

export const credentialConfig = object(
  "CredentialConfig",
  "Roles to assume for objects that the project's own role cannot reach.",
);

export const sharedModels = {
  Notification: model("Notification", "Where IMM tells the end of a task. A web address is not possible.", {
    MNS: object("MNS", "A topic of Simple Message Queue, in the project's region."),
    RocketMQ: object("RocketMQ", "A topic of RocketMQ, in the project's region."),
    ExtendedMessageURI: ossUri("OSS URI of the object that takes the details when they are too long for a message."),
  }),
  MNS: model("MnsTopic", "A topic of Simple Message Queue (MNS).", {
    TopicName: text("The topic's name."),
  }),
  RocketMQ: model("RocketMqTopic", "A topic of a RocketMQ 4.0 instance.", {
    InstanceId: text("The instance that has the topic."),
    TopicName: text("The topic's name."),
  }),
  CredentialConfig: model("CredentialConfig", "How IMM gets at objects of other accounts: roles, assumed one by one.", {
    ServiceRole: text("The role that IMM assumes first, in the account that calls."),
    Policy: text("A RAM policy, as JSON, that narrows what the service role may do."),
    Chain: objects(
      "CredentialConfigChain",
      "The roles to assume after it, in order; the last one reaches the objects.",
    ),
  }),
  CredentialConfigChain: model("CredentialChainLink", "One role in a chain of roles.", {
    Role: text("The role's name."),
    RoleType: text("Whether an account or a service assumes the role.", { values: ["user", "service"] }),
    AssumeRoleFor: text("The account that the role is assumed for."),
  }),
};
