package main

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/partial"
)

// TestTrimMarks: a request whose definition the cache has dropped has the mark that forbids to write it. One without an answer is whole,
// because its answer is written into it.
func TestTrimMarks(t *testing.T) {
	for data, want := range map[string]partial.Mark{
		"":     "",
		"eA==": partial.Answer,
	} {
		request := &resolutionv1beta1.ResolutionRequest{Status: &resolutionv1beta1.ResolutionRequestStatus{}}
		request.Status.Data = data
		if _, err := trim(request); err != nil || request.Status.Data != "" || partial.Of(request) != want {
			t.Errorf("%q: want mark %q and no data, got %q, %q, %v", data, want, partial.Of(request), request.Status.Data, err)
		}
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
