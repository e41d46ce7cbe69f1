import { describe, expect, it } from "@jest/globals";
import { runCommand, CommandRun } from "../support/run-command.js";
import { startGateway } from "../support/start-gateway.js";

describe("tasks", () => {
  it("lists the newest first, says that there are more, and fits the terminal", async () => {
    const { url, emulator } = await startGateway();
    const long = `FileCompression-${"x".repeat(40)}-end`;
    emulator.addTask({ taskType: "FileCompression", taskId: long, startedAgoMs: 60_000, tags: { team: "video" } });
    emulator.addTask({ taskType: "MediaConvert", taskId: "媒体-1\u202E", durationMs: Infinity, startedAgoMs: 5_000 });
    emulator.addTask({ taskType: "MediaConvert", taskId: "old", durationMs: 1_000, startedAgoMs: 90_000 });
    const list = ["tasks", "--project", "immtest", "--url", url];
    const { code, stdout, stderr } = await runCommand([...list, "--first", "2"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "There are more than 2: --first shows up to 1000.\n" });
    const [title, newest, older, ...rest] = stdout.split("\n");
    expect(title).toMatch(/^STATUS +DONE +TOOK +STARTED +TYPE +ID/);
    expect(newest).toMatch(/^RUNNING +\d+% +5s +\S+ \S+Z +MediaConvert +媒体-1\uFFFD$/);
    expect(older).toMatch(new RegExp(`^SUCCEEDED +100% .* FileCompression +${long}$`));
    expect(rest).toEqual([""]);

    const narrow = await new CommandRun(list, {}, { columns: 40, rows: 10 }).finished;
    const lines = narrow.stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(/^SUCCEEDED {2}100%.* {2}Fil\S*…\S*-end$/);
    for (const line of lines.slice(1)) expect(line.length).toBeLessThanOrEqual(40);

    const array = await runCommand([...list, "--json", "--tag", "team=video", "--status", "succeeded"]);
    expect(JSON.parse(array.stdout)).toMatchObject([{ taskId: long, status: "SUCCEEDED", tags: { team: "video" } }]);
    const misspelt = await runCommand([...list, "--type", "FileCompresion"]);
    const hint = "The gateway knows no task type `FileCompresion`; did you mean `FileCompression`?\n";
    expect(misspelt).toEqual({ code: 0, stdout: "No tasks.\n", stderr: hint });
  });

  it.each([
    [["--project", "nowhere"], /^imm-graphql: NOT_FOUND: [^\n]+\n$/],
    [
      ["--project", "immtest", "--first", "0"],
      /^imm-graphql: --first: expected an integer from 1 to 1000, got "0"\.\n$/,
    ],
    [
      ["--project", "immtest", "--status", "DONE"],
      /^imm-graphql: --status: expected one of RUNNING, SUCCEEDED, FAILED/,
    ],
    [["--project", "immtest", "--url", "ws://127.0.0.1:1"], /^imm-graphql: No gateway answers at http:\S+: .+\n$/],
    [[], /required option '--project <name>'/],
  ])("answers %j with one sentence", async (parameters, sentence) => {
    const { url } = await startGateway();
    const { code, stdout, stderr } = await runCommand(["tasks", "--url", url, ...parameters]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(sentence);
  });
});
