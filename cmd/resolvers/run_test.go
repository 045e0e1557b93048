package main

import (
	"testing"

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
