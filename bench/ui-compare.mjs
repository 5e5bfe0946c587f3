// Visits the pages that bench/ui-compare.sh has started: each time with an empty cache.
import { createRequire } from 'node:module'

const { chromium } = createRequire(import.meta.url)('playwright-core')
const visits = Number(process.argv[2])
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update'],
})

async function visit(address) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const network = await context.newCDPSession(page)
  await network.send('Network.enable')
  let [requests, bytes, last] = [0, 0, 0]
  network.on('Network.loadingFinished', event => {
    requests++
    bytes += event.encodedDataLength
    last = performance.now()
  })
  const begin = performance.now()
  await page.goto(address, { waitUntil: 'networkidle' })
  const shown = (await page.innerText('body')).length
  await context.close()
  return { requests, bytes, time: last - begin, shown }
}

async function measure(name, address) {
  const all = []
  for (let i = 0; i < visits; i++) all.push(await visit(address))
  const median = field => all.map(one => one[field]).sort((a, b) => a - b)[visits >> 1]
  console.log(`${name}: ${median('requests')} requests, ${median('bytes').toLocaleString('en')} bytes, `
    + `${median('time').toFixed(0)} ms; ${median('shown').toLocaleString('en')} characters shown`)
}

const found = await (await fetch('http://127.0.0.1:5593/explore')).text()
const repository = /href="(\/r\/[^"?]+)"/.exec(found)[1]
await measure('Berth, repositories', 'http://127.0.0.1:5593/explore')
await measure('Berth, tags of one', `http://127.0.0.1:5593${repository}`)
await measure('docker-registry-ui, repositories', 'http://127.0.0.1:5595/')
await measure('docker-registry-ui, tags of one', 'http://127.0.0.1:5595/#!/taglist/team0/app0')
await browser.close()
