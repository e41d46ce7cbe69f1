/** Where one reply of Redis ends and the next one begins, in its protocol RESP 2, and which of them are messages of channels. */

/** One reply, or one message. */
export interface Reply {
  readonly text: Buffer;
  /** Undefined for all else. */
  readonly message: { readonly channel: string; readonly text: string } | undefined;
}

const LINE_END = "\r\n";

/** Takes the complete replies off the beginning of what has come. */
export function splitReplies(bytes: Buffer): { readonly replies: readonly Reply[]; readonly rest: Buffer } {
  const replies: Reply[] = [];
  let begin = 0;
  for (let end = endOfReply(bytes, 0); end !== undefined; end = endOfReply(bytes, begin)) {
    const text = bytes.subarray(begin, end);
    replies.push({ text, message: readMessage(text) });
    begin = end;
  }
  return { replies, rest: bytes.subarray(begin) };
}

/** Undefined where the reply that begins there is not complete. */
function endOfReply(bytes: Buffer, begin: number): number | undefined {
  const lineEnd = bytes.indexOf(LINE_END, begin);
  if (lineEnd === -1) return undefined;
  const next = lineEnd + LINE_END.length;
  const length = Number(bytes.toString("latin1", begin + 1, lineEnd));
  switch (String.fromCharCode(bytes[begin] ?? 0)) {
    case "$": {
      const end = length < 0 ? next : next + length + LINE_END.length;
      return end <= bytes.length ? end : undefined;
    }
    case "*": {
      let end: number | undefined = next;
      for (let index = 0; index < length && end !== undefined; index += 1) end = endOfReply(bytes, end);
      return end;
    }
    default:
      return next;
  }
}

function readMessage(reply: Buffer): Reply["message"] {
  const beginning = "*3\r\n$7\r\nmessage\r\n";
  if (reply.toString("latin1", 0, beginning.length) !== beginning) return undefined;
  const channelBegin = reply.indexOf(LINE_END, beginning.length) + LINE_END.length;
  const channelEnd = reply.indexOf(LINE_END, channelBegin);
  const textBegin = reply.indexOf(LINE_END, channelEnd + LINE_END.length) + LINE_END.length;
  return {
    channel: reply.toString("utf8", channelBegin, channelEnd),
    text: reply.toString("utf8", textBegin, reply.length - LINE_END.length),
  };
}
