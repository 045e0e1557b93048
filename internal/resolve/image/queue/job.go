package queue

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// key tells lookups apart that may have different answers. It has the namespace and all by which credentials and platforms
// are chosen, so that no namespace gets what another one's secrets have opened.
type key [sha256.Size]byte

func keyOf(name string, pull image.Pull) key {
	h := sha256.New()
	for _, text := range []string{pull.Namespace, pull.ServiceAccount, name} {
		fmt.Fprintf(h, "%q ", text)
	}
	for _, secret := range pull.Secrets {
		fmt.Fprintf(h, "secret %q ", secret.Name)
	}
	for _, architecture := range pull.Architectures {
		fmt.Fprintf(h, "architecture %q ", architecture)
	}
	return key(h.Sum(nil))
}

// state is where a job stands.
type state int

const (
	// ready: it waits for its turn.
	ready state = iota
	// blocked: it waits for the end of a lookup of the same key.
	blocked
	// started: it is being looked up.
	started
	// rests: it waits for its next attempt.
	rests
	// answered: it has found something, or failed for good.
	answered
	// removed: no run wants it any more.
	removed
)

// job is one lookup, with all attempts that it takes, for all runs that asked before it started.
type job struct {
	key    key
	tenant *tenant
	host   string
	image  string
	pull   image.Pull
	owners map[types.NamespacedName]struct{}
	state  state

	// attempts that failed, since when, and when the next one is due.
	attempts    int
	firstFailed time.Time
	due         time.Time
	// place in the heap of those that rest.
	place int
	// cancel ends the attempt that is under way.
	cancel context.CancelFunc

	// answer is the place among the tenant's answers.
	answer     *list.Element
	entrypoint image.Entrypoint
	// err is why the last attempt failed. It is final if answered.
	err error
}

// outcome returns nil for a job that has found something, and otherwise the error for a step.
func (j *job) outcome(name string, pull image.Pull, isNew bool) error {
	switch {
	case j.state != answered:
		return j.wait(name, pull, isNew)
	case j.err != nil:
		return image.ForStep(j.err, pull.Step)
	default:
		return nil
	}
}

// wait says what the job waits for. Its words change only when an attempt has failed in another way.
func (j *job) wait(name string, pull image.Pull, isNew bool) *image.WaitError {
	if j.err != nil {
		return &image.WaitError{Image: name, Step: pull.Step, Tried: true, Why: j.err.Error() + "; the controller tries again"}
	}
	return &image.WaitError{Image: name, Step: pull.Step, New: isNew, Why: fmt.Sprintf("the controller is asking registry %s", j.host)}
}

// size is how many bytes an answer holds.
func (j *job) size() int {
	n := jobOverhead + len(j.image) + len(j.entrypoint.Image)
	for _, words := range [][]string{j.entrypoint.Entrypoint, j.entrypoint.Cmd} {
		for _, word := range words {
			n += len(word) + wordOverhead
		}
	}
	return n
}

const (
	// jobOverhead is about what a job takes besides its strings.
	jobOverhead = 512
	// wordOverhead is what a string takes besides its bytes.
	wordOverhead = 16
)

// backoff is the wait after this many failed attempts.
func (o Options) backoff(attempts int) time.Duration {
	wait := o.FirstBackoff
	for range attempts - 1 {
		if wait *= 2; wait >= o.MaxBackoff {
			return o.MaxBackoff
		}
	}
	return wait
}

// fullMessage says why no further lookup is accepted.
func (q *Queue) fullMessage() string {
	return fmt.Sprintf("too many image lookups wait: the limit is %d for a namespace and %d in all; this one is added when others have ended",
		q.options.MaxWaiting, q.options.MaxWaitingInAll)
}
