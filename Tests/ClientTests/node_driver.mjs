/** The driver in Node: commands from standard input, a line of JSON each, answers to standard output. */
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [client, { makeDriver }] = await Promise.all(process.argv.slice(2).map((path) => import(pathToFileURL(path))))
const driver = makeDriver(client)
process.on('uncaughtException', driver.noteUncaught)
// When no more commands come, only what a client has left behind keeps Node from ending.
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await driver.do(JSON.parse(line)))}\n`)
}
