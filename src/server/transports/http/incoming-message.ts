/**
 * A request as Node reads it, but an offer of another protocol is declined unless it is a WebSocket's.
 *
 * By itself Node takes each request with `Upgrade` out of HTTP as soon as there is a listener for upgrades: `curl --http2` and
 * Java's HttpClient offer `h2c` beside a plain request, and may be answered as if they had not.
 */

import { IncomingMessage } from "node:http";

/** Given to the server in the place of Node's own class. */
export class HttpOrWebSocketMessage extends IncomingMessage {
  /** What the parser says; set by the constructor of Node's class, so it has no value of its own here. */
  declare private offersUpgrade: boolean | null;

  /** Read by Node to decide whether the connection leaves HTTP. */
  get upgrade(): boolean {
    if (this.offersUpgrade !== true) return false;
    return this.method === "CONNECT" || (this.method === "GET" && this.headers.upgrade?.toLowerCase() === "websocket");
  }

  set upgrade(offers: boolean | null) {
    this.offersUpgrade = offers;
  }
}
