// Runs the checks of the page in a real browser: `node run.mjs FORUM [DYNAMODB_ENDPOINT]`.

import { actions } from "./actions.mjs";
import { launch } from "./browser.mjs";
import { faults } from "./faults.mjs";
import { Forum } from "./forum.mjs";
import { hostile } from "./hostile.mjs";
import { measures } from "./measures.mjs";
import { moderation } from "./moderation.mjs";
import { scripted } from "./scripted.mjs";

const [program, endpoint = ""] = process.argv.slice(2);
const only = process.env.ONLY ?? "";
const browser = await launch();
let passed = 0;
let failed = 0;

for (const backend of ["JSON", ...(endpoint ? ["DynamoDB"] : [])]) {
  const options = { endpoint: backend === "DynamoDB" ? endpoint : "" };
  for (const scripts of [true, false]) {
    const forum = await Forum.start(program, options);
    const checks = { ...actions, ...moderation, ...hostile, ...faults, ...(scripts ? { ...scripted, ...measures } : {}) };
    for (const [name, check] of Object.entries(checks).filter(([name]) => name.includes(only))) {
      const title = `${backend}, ${scripts ? "with" : "without"} scripts: ${name}`;
      try {
        await check({ browser, forum, scripts, program });
        passed += 1;
        console.log(`ok ${title}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED ${title}\n${error.stack}`);
      }
    }
    await forum.end();
  }
}

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
