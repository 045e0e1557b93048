package main

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/partial"
)

// TestTrimMarks: an answered request whose definition the cache has dropped has the mark that forbids to write it. One without an answer is
// whole, because its answer is written into it. So is one with a definition and no condition: its refused write was tried again without
// a limit.
func TestTrimMarks(t *testing.T) {
	for name, tc := range map[string]struct {
		data     string
		done     bool
		wantData string
		want     partial.Mark
	}{
		"New": {},
		"Failed": {
			done: true,
		},
		"Answered": {
			data: "eA==",
			done: true,
			want: partial.Answer,
		},
		"WithoutCondition": {
			data:     "eA==",
			wantData: "eA==",
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := &resolutionv1beta1.ResolutionRequest{Status: &resolutionv1beta1.ResolutionRequestStatus{}}
			request.Status.Data = tc.data
			if tc.done {
				request.SetSucceeded(metav1.ConditionTrue, "", "", metav1.Time{})
			}
			if _, err := trim(request); err != nil || request.Status.Data != tc.wantData || partial.Of(request) != tc.want {
				t.Errorf("want mark %q and data %q, got %q, %q, %v", tc.want, tc.wantData, partial.Of(request), request.Status.Data, err)
			}
		})
	}
}

// TestManagerRefusesShortenedObjects: the client of the manager refuses them before it sends a request. There is no API server here.
func TestManagerRefusesShortenedObjects(t *testing.T) {
	opts, err := managerOptions(&options{namespace: "n"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := opts.NewClient(&rest.Config{}, client.Options{Scheme: opts.Scheme, Mapper: meta.NewDefaultRESTMapper(nil)})
	if err != nil {
		t.Fatal(err)
	}
	request := &resolutionv1beta1.ResolutionRequest{}
	partial.Answer.Put(request)
	if _, ok := errors.AsType[*partial.Error](c.Status().Update(t.Context(), request)); !ok {
		t.Error("want the write refused")
	}
}
