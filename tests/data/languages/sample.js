'use strict'

var http = require('http')
var app = exports = module.exports = {}

const DEFAULTS = { retries: 3 }

/**
 * Register a handler.
 * @param {Function} fn
 */
app.use = function use(fn) {
  this.stack.push(fn)
}

exports.create = function () {
  return Object.create(app)
}

exports.version = '1.0'

function Router(options) {
  this.handle = function (req) { return req }
}

Router.prototype.route = function route(path) {
  return path
}

// Doubles.
const double = (x) => x * 2

const api = {
  get() { return 1 },
  post: function () { return 2 },
  'delete': async () => 3,
}

class Queue extends Base {
  static limit = 5
  onDone = () => {}
  constructor() { super() }
  async *drain() { yield 1 }
}

export default class Pool {}
module.exports = class Named {}
(function () {
  function wrapped() {}
})()
