// Package resolver is a stand-in for programs that answer ResolutionRequests.
package resolver

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Answer is an answer to a request. The zero Answer is none: the request stays open.
type Answer struct {
	// Definition is the YAML of the definition.
	Definition string
	// Data is used as it is in place of Definition, if it is not empty.
	Data string
	// Failure is the message of a resolver that cannot get the definition.
	Failure string
	// Source is the place of the definition.
	Source *v1.RefSource
	// Bare leaves the condition to another program, as the resolver framework of Tekton does.
	Bare bool
}

// Write writes an answer into the status of a request. It writes nothing for the zero Answer.
func Write(ctx context.Context, c client.Client, request *resolutionv1beta1.ResolutionRequest, a Answer) error {
	if a == (Answer{}) {
		return nil
	}
	answered := request.DeepCopy()
	answered.Status = &resolutionv1beta1.ResolutionRequestStatus{RefSource: a.Source, Source: a.Source, Data: a.Data}
	if a.Definition != "" {
		answered.Status.Data = base64.StdEncoding.EncodeToString([]byte(a.Definition))
	}
	switch now := metav1.NewTime(time.Now()); {
	case a.Failure != "":
		answered.SetSucceeded(metav1.ConditionFalse, resolutionv1beta1.ReasonFailed, a.Failure, now)
	case !a.Bare:
		answered.SetSucceeded(metav1.ConditionTrue, resolutionv1beta1.ReasonSuccessful, "", now)
	}
	if err := c.Status().Update(ctx, answered); err != nil {
		return fmt.Errorf("cannot answer ResolutionRequest %q: %w", request.Name, err)
	}
	return nil
}

// Resolver answers the requests of one namespace until its context ends.
type Resolver struct {
	// Seen counts the requests that were found without an answer, each time.
	Seen atomic.Int64
}

// period is how often a Resolver looks for requests.
const period = 100 * time.Millisecond

// Serve answers the requests of a namespace with what answer returns for each. It returns when ctx ends.
func (r *Resolver) Serve(ctx context.Context, c client.Client, namespace string,
	answer func(*resolutionv1beta1.ResolutionRequest) Answer) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if err := r.round(ctx, c, namespace, answer); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round answers the open requests once. A request that has changed or was deleted is left for the next round.
func (r *Resolver) round(ctx context.Context, c client.Client, namespace string,
	answer func(*resolutionv1beta1.ResolutionRequest) Answer) error {
	list := &resolutionv1beta1.ResolutionRequestList{}
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("cannot list ResolutionRequests: %w", err)
	}
	for i := range list.Items {
		request := &list.Items[i]
		if request.Status != nil && (request.Done() || request.Status.Data != "") {
			continue
		}
		r.Seen.Add(1)
		err := Write(ctx, c, request, answer(request))
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
