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

// key distinguishes lookups that may have different answers. It contains the namespace and everything that determines
// credentials and platforms, so that no namespace gets an answer for which another one's secrets were used.
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

// state is the state of a job.
type state int

const (
	// ready: it waits for its turn.
	ready state = iota
	// blocked: it waits for the end of a lookup with the same key.
	blocked
	// started: its lookup is in progress.
	started
	// rests: it waits for its next try.
	rests
	// answered: it has an answer, or has failed permanently.
	answered
	// removed: no run needs it any more.
	removed
)

// job is one lookup, with all its tries, for all runs that requested it before it started.
type job struct {
	key    key
	tenant *tenant
	host   string
	image  string
	pull   image.Pull
	owners map[types.NamespacedName]struct{}
	state  state

	// The number of failed tries, the time of the first one, and the time of the next try.
	attempts    int
	firstFailed time.Time
	due         time.Time
	// place is the index in the heap of resting jobs.
	place int
	// cancel ends the try in progress.
	cancel context.CancelFunc

	// answer is the element in the list of the tenant's answers.
	answer     *list.Element
	entrypoint image.Entrypoint
	// err is why the last try failed. It is final if the state is answered.
	err error
}

// outcome returns nil for a job with an answer, and otherwise the error for a step.
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

// wait returns what the job waits for. Its text changes only when a try has failed in another way.
func (j *job) wait(name string, pull image.Pull, isNew bool) *image.WaitError {
	if j.err != nil {
		return &image.WaitError{Image: name, Step: pull.Step, Tried: true, Why: j.err.Error() + "; the controller tries again"}
	}
	return &image.WaitError{Image: name, Step: pull.Step, New: isNew, Why: fmt.Sprintf("the controller waits for registry %s", j.host)}
}

// size returns the memory of an answer in bytes.
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
	// jobOverhead is the approximate memory of a job without its strings.
	jobOverhead = 512
	// wordOverhead is the memory of a string without its bytes.
	wordOverhead = 16
)

// backoff returns the delay after this many failed tries.
func (o Options) backoff(attempts int) time.Duration {
	wait := o.FirstBackoff
	for range attempts - 1 {
		if wait *= 2; wait >= o.MaxBackoff {
			return o.MaxBackoff
		}
	}
	return wait
}

// fullMessage explains why no further lookup is accepted.
func (q *Queue) fullMessage() string {
	return fmt.Sprintf("too many image lookups wait: the limit is %d for a namespace and %d in all; this one is added when others have ended",
		q.options.MaxWaiting, q.options.MaxWaitingInAll)
}
