// Package validation holds the defaults and the rules of the API: what an object means when it leaves something out, and
// what is wrong with it. Everything here is a pure function; nothing talks to a cluster.
//
// Rules exist in three places. The schema and its rules refuse what they can express, also while no webhook answers. The
// functions of this package refuse all of it, with better messages: the webhooks call them, the controller calls them
// before it acts, and the command line calls them on files. unsupported.go lists what the API has and the controller does
// not act on yet; a run that sets such a field is refused, so that nothing a user wrote is dropped in silence.
package validation
