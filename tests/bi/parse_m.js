// Power Query expressions as a JSON object of name and text on stdin; on stdout those that do not parse, with the reason.
const path = require("path");
const parser = require(path.join(process.argv[2], "node_modules", "@microsoft", "powerquery-parser"));

(async () => {
  const expressions = JSON.parse(require("fs").readFileSync(0, "utf-8"));
  const faults = {};
  for (const [name, text] of Object.entries(expressions)) {
    const task = await parser.TaskUtils.tryLexParse(parser.DefaultSettings, text);
    if (task.resultKind !== parser.ResultKind.Ok) {
      faults[name] = task.error.message;
    }
  }
  process.stdout.write(JSON.stringify(faults));
})();
