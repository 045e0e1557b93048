package coexist_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/openapi"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/coexist"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// server publishes one OpenAPI document, and counts how often it is read.
type server struct {
	address string
	text    []byte
	err     error
	reads   int
}

func (s *server) Paths() (map[string]openapi.GroupVersion, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.address == "" {
		return map[string]openapi.GroupVersion{"apis/apps/v1": s}, nil
	}
	return map[string]openapi.GroupVersion{"apis/tekton.dev/v1": s}, nil
}

func (s *server) Schema(string) ([]byte, error) {
	s.reads++
	return s.text, nil
}

func (s *server) ServerRelativeURL() string { return s.address }

// documentOf returns the document of Tekton's kinds, without the fields of a TaskRun at these paths.
func documentOf(t *testing.T, without ...[]string) []byte {
	t.Helper()
	schemas := map[string]any{}
	for _, kind := range []string{v1.KindTaskRun, v1.KindPipelineRun} {
		fields, err := tektoncrds.Of(kind, "v1")
		if err != nil {
			t.Fatal(err)
		}
		schema := fields.Schema()
		schema["x-kubernetes-group-version-kind"] = []any{map[string]any{"group": "tekton.dev", "version": "v1", "kind": kind}}
		for _, path := range without {
			at := schema["properties"].(map[string]any)
			for _, name := range path[:len(path)-1] {
				at = at[name].(map[string]any)["properties"].(map[string]any)
			}
			delete(at, path[len(path)-1])
		}
		schemas[kind] = schema
	}
	text, err := json.Marshal(map[string]any{"components": map[string]any{"schemas": schemas}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFieldsFollowTekton: the document is read once for each version, and each version decides what is written.
func TestFieldsFollowTekton(t *testing.T) {
	s := &server{address: "/openapi/v3/apis/tekton.dev/v1?hash=1", text: documentOf(t, []string{"status", "observedGeneration"})}
	f := coexist.NewFields(s, logr.Discard())
	given := v1.TaskRunStatus{PodName: "p", ObservedGeneration: 3}
	if got := f.TaskRun(given); got.ObservedGeneration != 3 {
		t.Error("want everything written before the document is read")
	}
	for range 3 {
		if err := f.Load(); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.TaskRun(given); got.ObservedGeneration != 0 || got.PodName != "p" || s.reads != 1 {
		t.Errorf("want the unknown field left out after one read, got %+v after %d", got, s.reads)
	}
	if got := f.PipelineRun(v1.PipelineRunStatus{ObservedGeneration: 3}); got.ObservedGeneration != 0 {
		t.Error("want it left out of PipelineRuns, too")
	}
	s.address, s.text = "/openapi/v3/apis/tekton.dev/v1?hash=2", documentOf(t)
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	if got := f.TaskRun(given); got.ObservedGeneration != 3 || s.reads != 2 {
		t.Errorf("want the field written after the update of Tekton, got %d after %d reads", got.ObservedGeneration, s.reads)
	}
	s.err = errors.New("unavailable")
	if err := f.Load(); err == nil {
		t.Error("want the error of the API server")
	}
	if got := f.TaskRun(given); got.ObservedGeneration != 3 {
		t.Error("want the fields to stay while the API server does not respond")
	}
}

// TestFieldsFollowAnUpdate: a controller that runs notices an update of Tekton, and survives a time without the kinds, such as
// between the removal of Tekton and its next installation.
func TestFieldsFollowAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{address: "x?hash=1", text: documentOf(t, []string{"status", "observedGeneration"})}
		f := coexist.NewFields(s, logr.Discard())
		if err := f.Load(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- f.Start(ctx) }()
		written := func() int64 { return f.TaskRun(v1.TaskRunStatus{ObservedGeneration: 3}).ObservedGeneration }
		wantAfter := func(want int64, reason string) {
			t.Helper()
			<-time.After(15 * time.Second) // of the bubble
			synctest.Wait()
			if got := written(); got != want {
				t.Errorf("%s: want observedGeneration %d, got %d", reason, want, got)
			}
		}
		synctest.Wait()
		wantAfter(0, "nothing has changed")
		s.address, s.text = "", nil
		wantAfter(0, "Tekton is uninstalled")
		s.address, s.text = "x?hash=2", documentOf(t)
		wantAfter(3, "a later version has the field")
		s.address, s.text = "x?hash=3", documentOf(t, []string{"status", "observedGeneration"})
		wantAfter(0, "an earlier version is back")
		if s.reads != 3 {
			t.Errorf("want one read for each version, got %d", s.reads)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestFieldsRefuse(t *testing.T) {
	cases := map[string]struct {
		reason string
		server *server
	}{
		"NoTekton": {
			reason: "The kinds are not there.",
			server: &server{},
		},
		"NoManagedBy": {
			reason: "This version of Tekton would run the runs of Sluice, too.",
			server: &server{address: "x", text: documentOf(t, []string{"spec", "managedBy"})},
		},
		"NotADocument": {
			reason: "What is no document says nothing.",
			server: &server{address: "x", text: []byte("[")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := coexist.NewFields(tc.server, logr.Discard()).Load(); err == nil {
				t.Errorf("%s: want an error", tc.reason)
			}
		})
	}
}
