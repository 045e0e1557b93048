// Package trust signs and verifies definitions: it computes what a signature covers, reads keys, and decides by the policies of a
// namespace whether a definition may be used. It sends no requests; its subpackage policies reads what it needs.
package trust
