package request

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// maxReason and maxMessage are the maximum lengths in bytes of the texts of a resolver in the message of a run.
const (
	maxReason  = 128
	maxMessage = 4096
)

// wait is the wait of a run for the answer to one reference.
type wait struct {
	wanted resolve.Request
	// name is the name of the ResolutionRequest.
	name string
	now  time.Time
	// limit is how long the run waits for each answer.
	limit time.Duration
	// because is why the request cannot be created yet; empty if it exists.
	because string
}

// due returns when the run stops waiting. It follows from the start of the run and not from that of the request, so that the wait
// ends even if another client deletes the request again and again.
func (w *wait) due() time.Time {
	start := w.wanted.Run.Start
	if start.IsZero() {
		start = w.now
	}
	return start.Add(time.Duration(w.wanted.Run.Before+1) * w.limit)
}

// pending returns the error of a run that waits.
func (w *wait) pending(due time.Time) error {
	message := fmt.Sprintf("waiting for resolver %q to answer ResolutionRequest %q", w.wanted.Resolver, w.name)
	if w.because != "" {
		message = fmt.Sprintf("waiting to create ResolutionRequest %q for resolver %q: %s",
			w.name, w.wanted.Resolver, truncate.Text(w.because, maxMessage))
	}
	return &resolve.PendingError{Kind: w.wanted.Kind, Message: message, Due: due}
}

// answered reports whether a request has its answer. A definition is an answer even without a condition: the resolver framework of
// Tekton leaves the condition to another controller.
func answered(request *resolutionv1beta1.ResolutionRequest) bool {
	return request.Done() || request.Status != nil && request.Status.Data != ""
}

// outcome returns nil if the request has a definition, and otherwise why there is none: the run still waits, the resolver has
// failed, or it has not answered in time. An answer that comes too late, but before the run has failed, counts.
func (w *wait) outcome(request *resolutionv1beta1.ResolutionRequest) error {
	condition := request.Succeeded()
	switch {
	case condition.Status == metav1.ConditionFalse:
		return fmt.Errorf("%w: ResolutionRequest %q failed: %s: %s", resolve.ErrUnresolvable, w.name,
			truncate.Text(condition.Reason, maxReason), truncate.Text(condition.Message, maxMessage))
	case answered(request):
		return nil
	case w.now.Before(w.due()):
		return w.pending(w.due())
	case w.because != "":
		return fmt.Errorf("%w: cannot create ResolutionRequest %q within %s: %s; raise %s in ConfigMap %s to wait longer",
			resolve.ErrUnresolvable, w.name, w.limit, truncate.Text(w.because, maxMessage), config.KeyResolutionTimeout, config.DefaultsName)
	default:
		return fmt.Errorf("%w: no answer to ResolutionRequest %q within %s; check whether a program that serves resolver %q is "+
			"running, or raise %s in ConfigMap %s",
			resolve.ErrUnresolvable, w.name, w.limit, w.wanted.Resolver, config.KeyResolutionTimeout, config.DefaultsName)
	}
}

// unserved returns the error of a run on a cluster without ResolutionRequests.
func (w *wait) unserved() error {
	return fmt.Errorf("%w: this cluster does not serve ResolutionRequests: CustomResourceDefinition %q is missing; install it and a "+
		"program that serves resolver %q, and run again", resolve.ErrUnresolvable, resolutionv1beta1.CRDName, w.wanted.Resolver)
}
