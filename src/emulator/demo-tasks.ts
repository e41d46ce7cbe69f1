/**
 * The well-known tasks of the demo: data only. Their ids are stable, so that documentation can name them. Added by
 * `demo.ts`; printed by the command line.
 */

import type { NewTask } from "./emulator.js";
import { DEMO_PROJECT } from "./names.js";

/** A well-known task: its id is fixed, and it says what it is there to show. */
export interface DemoTask extends NewTask {
  readonly taskId: string;
  readonly durationMs: number;
  /** One clause for people, for example "fails with a code and a message". */
  readonly shows: string;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Tabs and newlines, as in the documented samples of IMM. */
function asStored(definition: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ProjectName: DEMO_PROJECT, ...definition }, null, "\t");
}

const compression = asStored({
  CompressedFormat: "zip",
  Sources: [{ URI: "oss://examplebucket/reports/2026/", Mode: "prefix" }],
  TargetURI: "oss://examplebucket/archives/reports-2026.zip",
});

const conversion = asStored({
  Sources: [{ URI: "oss://examplebucket/videos/opening.mov" }],
  Targets: [
    {
      URI: "oss://examplebucket/videos/opening.mp4",
      Container: "mp4",
      Video: { TranscodeVideo: { Codec: "h264", Resolution: "1280x" } },
    },
  ],
});

/**
 * `FileCompression-demo-running` and `-2` to `-9`: one for each time that one is to be watched from the beginning; and
 * `FileCompression-demo-followed`, for the first subscription of the explorers.
 */
const waitingTasks: readonly DemoTask[] = [
  ...["", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9"].map((suffix) => `running${suffix}`),
  "followed",
].map((name) => ({
  taskId: `FileCompression-demo-${name}`,
  taskType: "FileCompression",
  shows: "starts when it is first asked for, and succeeds 30 seconds later",
  startsWhenFirstSeen: true,
  durationMs: 30 * SECOND_MS,
  requestDefinition: compression,
  userData: JSON.stringify({ orderId: "A-1024", customer: "Ada" }),
}));

/**
 * The well-known tasks. Those that are not waiting to be seen are forgotten seven days after the demo's start (less
 * the time they had run before), as IMM would.
 */
export const demoTasks: readonly DemoTask[] = [
  ...waitingTasks,
  {
    taskId: "VideoModeration-demo-slow",
    taskType: "VideoModeration",
    shows: "runs for six hours",
    durationMs: 6 * HOUR_MS,
    userData: JSON.stringify({ channel: "live-7" }),
    tags: { team: "trust-and-safety" },
  },
  {
    taskId: "MediaConvert-demo-hour",
    taskType: "MediaConvert",
    shows: "runs for an hour, most of its progress in the last part",
    durationMs: HOUR_MS,
    startedAgoMs: 20 * MINUTE_MS,
    pace: "late",
    requestDefinition: conversion,
    tags: { team: "video", quality: "720p" },
  },
  {
    taskId: "FileCompression-demo-succeeded",
    taskType: "FileCompression",
    shows: "has succeeded; its user data is JSON",
    durationMs: 45 * SECOND_MS,
    startedAgoMs: 10 * MINUTE_MS,
    requestDefinition: compression,
    userData: JSON.stringify({ orderId: "A-1001", customer: "张三" }),
  },
  {
    taskId: "MediaConvert-demo-failed",
    taskType: "MediaConvert",
    shows: "has failed at 42 percent, with a code and a message",
    durationMs: 2 * MINUTE_MS,
    startedAgoMs: 30 * MINUTE_MS,
    outcome: {
      status: "Failed",
      code: "ResourceNotFound",
      message: "The specified resource Object is not found.",
      atProgress: 42,
    },
    requestDefinition: conversion,
    tags: { team: "video" },
  },
  {
    taskId: "FileUncompression-demo-secret",
    taskType: "FileUncompression",
    shows: "its request definition holds a password, which a gateway must redact",
    durationMs: MINUTE_MS,
    startedAgoMs: 15 * MINUTE_MS,
    requestDefinition: asStored({
      SourceURI: "oss://examplebucket/archives/payroll.zip",
      TargetURI: "oss://examplebucket/payroll/",
      Password: "correct-horse-battery-staple",
    }),
  },
  {
    taskId: "FileCompression-demo-credential",
    taskType: "FileCompression",
    shows: "its request definition names roles in CredentialConfig, which a gateway must redact",
    durationMs: MINUTE_MS,
    startedAgoMs: 25 * MINUTE_MS,
    requestDefinition: asStored({
      CompressedFormat: "zip",
      Sources: [{ URI: "oss://partnerbucket/exports/", Mode: "prefix" }],
      TargetURI: "oss://examplebucket/archives/exports.zip",
      CredentialConfig: {
        ServiceRole: "aliyunimmdefaultrole",
        Chain: [{ Role: "demo-partner-role", RoleType: "user", AssumeRoleFor: "100000000000001" }],
      },
    }),
  },
  {
    taskId: "ImageToPDF-demo-not-json",
    taskType: "ImageToPDF",
    shows: "its request definition is cut off and is not JSON",
    durationMs: 20 * SECOND_MS,
    startedAgoMs: 5 * MINUTE_MS,
    requestDefinition: '{"ProjectName":"immtest","Sources":[{"URI":"oss://examplebucket/scans/page-0',
    tags: { team: "documents" },
  },
  {
    taskId: "OfficeConversion-demo-plain-user-data",
    taskType: "OfficeConversion",
    shows: "a type without request definition; its user data is not JSON",
    durationMs: 15 * SECOND_MS,
    startedAgoMs: 3 * MINUTE_MS,
    userData: "quarterly report, second draft",
    tags: { team: "documents" },
  },
  {
    taskId: "ImageModeration-demo-blocked",
    taskType: "ImageModeration",
    shows: "has a result: an animated image with frames that must not be shown",
    durationMs: 6 * SECOND_MS,
    startedAgoMs: 8 * MINUTE_MS,
    userData: JSON.stringify({ upload: 311 }),
    tags: { team: "trust-and-safety" },
  },
  {
    taskId: "VideoModeration-demo-blocked",
    taskType: "VideoModeration",
    shows: "has a result: a video with frames that must not be shown",
    durationMs: 40 * SECOND_MS,
    startedAgoMs: 12 * MINUTE_MS,
    userData: JSON.stringify({ upload: 312 }),
    tags: { team: "trust-and-safety" },
  },
  {
    taskId: "VideoLabelClassification-demo-labels",
    taskType: "VideoLabelClassification",
    shows: "has a result: three labels, one below the other, with the parts of the video they hold for",
    durationMs: 35 * SECOND_MS,
    startedAgoMs: 20 * MINUTE_MS,
    requestDefinition: asStored({
      SourceURI: "oss://examplebucket/videos/beach.mp4",
    }),
    tags: { team: "video" },
  },
  {
    taskId: "DecodeBlindWatermark-demo-text",
    taskType: "DecodeBlindWatermark",
    shows: "has a result: the text of a watermark",
    durationMs: 5 * SECOND_MS,
    startedAgoMs: 4 * MINUTE_MS,
  },
];
