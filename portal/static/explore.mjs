// Draws the trend explorer: one picture a channel, all on one axis of time.
//
// The numbers come from the server already cut into steps. Nothing here decides what is usual, what
// is a gap or what is said: it draws, and fills in the sentences and tables that came along. Dragging
// over a picture looks closer and a double click goes back; the links above do the same without it.

import uPlot from './vendor/uplot.js'

const HEIGHT_PX = 130
const AXIS_PX = 48
const COLOURS = { line: '#005eb8', range: '#8fb8e0', band: '#d8dde0', text: '#4c6272', event: '#212b32', grid: '#e3e7ea' }
const SYNC = uPlot.sync('explore')

export async function drawExplorer(place) {
  const state = place.querySelector('[data-explore-state]')
  let view
  try {
    const answer = await fetch(place.dataset.explore, { headers: { Accept: 'application/json' } })
    if (!answer.ok) throw new Error(`status ${answer.status}`)
    view = await answer.json()
  } catch {
    state.textContent = 'The numbers did not come. Reload the page, or choose "Without a script" above.'
    return
  }
  const times = Array.from({ length: view.count }, (_, index) => view.first + view.step * (index + 0.5))
  const charts = view.panels.map((panel) => drawPanel(place, view, panel, times)).filter(Boolean)
  addEventListener('resize', () => charts.forEach(({ chart, holder }) => chart.setSize({ width: holder.clientWidth, height: HEIGHT_PX })))
  state.textContent = view.worn
  place.dataset.exploreDrawnMs = String(Math.round(performance.now()))
}

function drawPanel(place, view, panel, times) {
  const section = place.querySelector(`[data-panel="${panel.name}"]`)
  section.querySelector('[data-panel-sentence]').textContent = panel.sentence
  if (!panel.lines.length) return null
  fillTable(section.querySelector('[data-panel-table]'), panel.lines)
  const holder = section.querySelector('[data-panel-chart]')
  const here = section.querySelector('[data-panel-here]')
  const empty = new Array(view.count).fill(null)
  const column = (name) => (panel[name].length ? panel[name] : empty)
  const data = [times, ...['usual_high', 'usual_low', 'high', 'low', 'middle'].map(column)]
  return { chart: new uPlot(optionsOf(view, panel, holder.clientWidth, here), data, holder), holder }
}

function optionsOf(view, panel, width, here) {
  const quiet = { spanGaps: false, points: { show: false } }
  const end = view.first + view.step * view.count
  return {
    width,
    height: HEIGHT_PX,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), view.zone),
    legend: { show: false },
    padding: [16, 8, 0, 0],
    cursor: { sync: { key: SYNC.key }, drag: { x: true, y: false }, points: { show: false } },
    scales: { x: { time: true, range: (chart, low, high) => (chart.data ? [low ?? view.first, high ?? end] : [view.first, end]) } },
    axes: [
      { stroke: COLOURS.text, grid: { stroke: COLOURS.grid }, ticks: { show: false }, size: 24, font: '13px Arial', values: labelsOf(view) },
      { stroke: COLOURS.text, grid: { stroke: COLOURS.grid }, ticks: { show: false }, size: AXIS_PX, font: '13px Arial' },
    ],
    series: [
      {},
      { ...quiet, stroke: null, paths: uPlot.paths.stepped({ align: 1 }) },
      { ...quiet, stroke: null, paths: uPlot.paths.stepped({ align: 1 }) },
      { ...quiet, stroke: null },
      { ...quiet, stroke: null },
      { ...quiet, stroke: COLOURS.line, width: 1.5, points: { show: lonely } },
    ],
    bands: [
      { series: [1, 2], fill: COLOURS.band },
      { series: [3, 4], fill: COLOURS.range + '99' },
    ],
    hooks: {
      drawClear: [(chart) => hatch(chart, view)],
      draw: [(chart) => drawMarks(chart, view)],
      setCursor: [(chart) => sayHere(chart, view, panel, here)],
    },
  }
}

// A value without neighbours is no line; it is drawn as a dot.
function lonely(chart, series, first, last) {
  const values = chart.data[series]
  for (let index = first; index <= last; index += 1) {
    if (values[index] != null && values[index - 1] == null && values[index + 1] == null) return true
  }
  return false
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function labelsOf(view) {
  return (chart, splits) => {
    const span = chart.scales.x.max - chart.scales.x.min
    return splits.map((seconds) => {
      const at = uPlot.tzDate(new Date(seconds * 1000), view.zone)
      const clock = `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`
      return span <= 3 * 86400 && clock !== '00:00' ? clock : `${at.getDate()} ${MONTHS[at.getMonth()]}`
    })
  }
}

function hatch(chart, view) {
  const { ctx, bbox } = chart
  for (const [first, end, isOff] of view.stretches) {
    const left = Math.max(chart.valToPos(view.first + first * view.step, 'x', true), bbox.left)
    const right = Math.min(chart.valToPos(view.first + end * view.step, 'x', true), bbox.left + bbox.width)
    if (right <= left) continue
    ctx.save()
    ctx.beginPath()
    ctx.rect(left, bbox.top, right - left, bbox.height)
    ctx.clip()
    if (isOff) {
      ctx.strokeStyle = '#aeb7bd'
      ctx.lineWidth = devicePixelRatio
      ctx.beginPath()
      for (let at = left - bbox.height; at < right; at += 7 * devicePixelRatio) {
        ctx.moveTo(at, bbox.top + bbox.height)
        ctx.lineTo(at + bbox.height, bbox.top)
      }
      ctx.stroke()
    } else {
      ctx.fillStyle = '#eceff1'
      ctx.fillRect(left, bbox.top, right - left, bbox.height)
    }
    ctx.restore()
  }
}

function drawMarks(chart, view) {
  const { ctx, bbox } = chart
  ctx.save()
  ctx.strokeStyle = COLOURS.event
  ctx.fillStyle = COLOURS.event
  ctx.font = `bold ${12 * devicePixelRatio}px Arial`
  ctx.textAlign = 'center'
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio])
  let freeFrom = -Infinity
  for (const mark of [...view.marks].sort((one, other) => one.at - other.at)) {
    const at = chart.valToPos(Math.max(mark.at, view.first), 'x', true)
    if (at < bbox.left || at > bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(at, bbox.top)
    ctx.lineTo(at, bbox.top + bbox.height)
    ctx.stroke()
    if (at >= freeFrom) {
      ctx.fillText(mark.letter, at, bbox.top - 4 * devicePixelRatio)
      freeFrom = at + 14 * devicePixelRatio
    }
  }
  ctx.restore()
}

function sayHere(chart, view, panel, here) {
  const index = chart.cursor.idx
  const value = index == null ? null : panel.middle[index]
  if (value == null) {
    here.textContent = ''
    return
  }
  const at = uPlot.tzDate(new Date((view.first + view.step * index) * 1000), view.zone)
  const clock = view.step < 86400 ? ` ${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}` : ''
  const written = (number) => number.toFixed(panel.decimals)
  const range = panel.range ? ` (${written(panel.low[index])} to ${written(panel.high[index])})` : ''
  here.textContent = `${at.getDate()} ${MONTHS[at.getMonth()]}${clock}: ${written(value)}${range}`
}

function fillTable(details, lines) {
  details.hidden = false
  details.addEventListener('toggle', () => {
    const body = details.querySelector('tbody')
    if (!details.open || body.rows.length) return
    for (const [days, ...values] of lines) {
      const row = body.insertRow()
      const head = document.createElement('th')
      head.scope = 'row'
      head.textContent = days
      row.append(head)
      for (const value of values) row.insertCell().textContent = value
    }
  })
}

const place = document.querySelector('[data-explore]')
if (place) drawExplorer(place)
