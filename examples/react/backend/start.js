// Everything that the page needs, in one terminal.

import "./issuer.js";
import "./gateway.js";
