package serve

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// contentType is that of all answers: YAML, or JSON, which is YAML.
	contentType = "application/x-yaml"
	// maxMessage is the maximum length of a message in a condition, in bytes.
	maxMessage = 2 << 10
	// maxDetails is the maximum length of a cause in the log, in bytes.
	maxDetails = 1 << 10
	// writing is the maximum time of one request to the API server that writes an answer.
	writing = 20 * time.Second
)

func clipped(text string) string {
	return truncate.Text(strings.ToValidUTF8(text, "?"), maxDetails)
}

// fill sets the status of a request.
func (a answer) fill(request *resolutionv1beta1.ResolutionRequest, now metav1.Time) {
	request.Status = &resolutionv1beta1.ResolutionRequestStatus{ObservedGeneration: request.Generation}
	if a.failure != nil {
		message := truncate.Text(strings.ToValidUTF8(a.failure.Message, "?"), maxMessage)
		request.SetSucceeded(metav1.ConditionFalse, a.failure.Reason, message, now)
		return
	}
	request.SetSucceeded(metav1.ConditionTrue, resolutionv1beta1.ReasonSuccessful, "", now)
	source := a.resource.Source
	request.Status.RefSource, request.Status.Source = &source, &source
	request.Status.Data = base64.StdEncoding.EncodeToString(a.resource.Content)
	request.Status.Annotations = map[string]string{resolutionv1beta1.AnnotationContentType: contentType}
	maps.Copy(request.Status.Annotations, a.resource.Annotations)
}

// write writes the answer, and returns the reason of its condition. It returns "" if the request is gone, or has an answer: the
// version of the request that was read must be the present one, so that no answer is replaced. It tries again until ctx ends.
func (r *Reconciler) write(ctx context.Context, request *resolutionv1beta1.ResolutionRequest, result answer) (string, error) {
	uid := request.UID
	for attempt := 1; ; attempt++ {
		request = request.DeepCopy()
		result.fill(request, metav1.NewTime(r.d.Clock.Now()))
		reason := request.Succeeded().Reason
		err := r.update(ctx, request)
		switch {
		case err == nil:
			return reason, nil
		case apierrors.IsNotFound(err):
			return "", nil
		case result.failure == nil && (apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsInvalid(err) || tooLarge(err)):
			result = answer{failure: resolvers.Failed(err, "cannot store the definition: with its %d bytes the API server refuses the request",
				len(result.resource.Content))}
			continue
		case apierrors.IsConflict(err):
			present := &resolutionv1beta1.ResolutionRequest{}
			got := r.d.Live.Get(ctx, client.ObjectKeyFromObject(request), present)
			if apierrors.IsNotFound(got) || got == nil && (present.UID != uid || present.Done()) {
				return "", nil
			}
			if got == nil {
				request = present
			}
		}
		timer := time.NewTimer(backoff(attempt))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if r.base.Err() == nil {
				return "", nil // the request is gone or has an answer: otherwise only the end of the program ends ctx
			}
			return "", fmt.Errorf("cannot write status of ResolutionRequest %q: %w", request.Name, err)
		}
	}
}

// update writes a status. The end of ctx does not interrupt it: the watch often shows the answer before the API server has responded,
// and the job then ends.
func (r *Reconciler) update(ctx context.Context, request *resolutionv1beta1.ResolutionRequest) error {
	timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	return r.d.Client.Status().Update(timed, request)
}

// tooLarge reports whether etcd refuses an object for its size. The API server passes this on without its own status.
func tooLarge(err error) bool {
	return strings.Contains(err.Error(), "request is too large")
}
