import { StartTask } from "./start-task.tsx";
import { TaskBoard } from "./task-board.tsx";

/** The project of the gateway's made-up data. */
const PROJECT = "immtest";

export function App() {
  return (
    <main>
      <h1>Tasks of {PROJECT}</h1>
      <StartTask projectName={PROJECT} />
      <TaskBoard projectName={PROJECT} />
    </main>
  );
}
