import { graphql } from "./gql";

/** What the board shows of each task: the list, the subscription and the mutations ask for it. */
export const TASK_ROW = graphql(`
  fragment TaskRow on Task {
    id
    taskId
    taskType
    projectName
    status
    statusText
    isDone
    progress
    startTime
    endTime
    estimatedEndAt
    observedAt
    error {
      code
      message
    }
  }
`);
