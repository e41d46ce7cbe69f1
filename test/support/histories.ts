/** How many drawn histories a property of the watches holds for: a few hundred at each change, thousands in `.ci/run`. */
export const HISTORIES = Number(process.env["HISTORIES"] ?? 200);
