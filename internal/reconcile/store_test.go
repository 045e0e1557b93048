package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results"
)

// server is an API server that stores one object: its spec and metadata, its managed fields, and a status that is as large
// as its number says.
type server struct {
	spec, managed int
	status        int
	// refusals are still to come: 422, whatever the size.
	refusals int
	// broken says that the API server answers with 500.
	broken bool
	// outdated says that a newer version of the object is stored than the one that the writes start from.
	outdated bool

	writes, abandoned int
	largest           int
}

func (s *server) write(n int) error {
	s.writes++
	switch {
	case s.broken:
		return apierrors.NewInternalError(errors.New("no leader"))
	case s.refusals > 0:
		s.refusals--
		return apierrors.NewInvalid(schema.GroupKind{Kind: "TaskRun"}, "run", nil)
	case s.spec+s.managed+n > results.ObjectLimit:
		return apierrors.NewInternalError(errors.New("etcdserver: request is too large"))
	}
	s.status, s.largest = n, max(s.largest, s.spec+s.managed+n)
	return nil
}

const bareOutcome = 600

func (s *server) statuses() Status[int] {
	return Status[int]{
		Size: func(n int) int { return s.spec + s.managed + n }, Managed: s.managed,
		Write: func(_ context.Context, n int) error { return s.write(n) },
		Replace: func(_ context.Context, n int) error {
			before := s.managed
			s.managed = 0
			err := s.write(n)
			if err != nil {
				s.managed = before
			}
			return err
		},
		Current: func(context.Context) error {
			if s.outdated {
				return apierrors.NewConflict(schema.GroupResource{Resource: "taskruns"}, "run", errors.New("newer version"))
			}
			return nil
		},
		Lean:    func(n int) int { return n - n/8 },
		Abandon: func(context.Context) error { s.abandoned++; return nil },
		Cuts: []func(int, Refusal) int{
			func(n int, _ Refusal) int { return max(n/2, bareOutcome) },
			func(n int, _ Refusal) int { return max(n/8, bareOutcome) },
			func(int, Refusal) int { return bareOutcome },
		},
	}
}

// TestStoreEnds: whatever is in an object, and however often the API server refuses its status, one status is stored, or
// the object is known to be full. Neither takes more than five writes, and none is larger than the limit.
func TestStoreEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &server{
			spec: rapid.IntRange(0, results.ObjectLimit).Draw(t, "spec"), managed: rapid.IntRange(0, results.ObjectLimit).Draw(t, "managed"),
			refusals: rapid.IntRange(0, 8).Draw(t, "refusals"), status: -1,
		}
		refusals := s.refusals
		status := rapid.IntRange(bareOutcome, 2*results.ObjectLimit).Draw(t, "status")
		stored, refusal, err := s.statuses().Store(t.Context(), status)
		full, isFull := errors.AsType[*FullError](err)
		switch {
		case s.writes > 5:
			t.Fatalf("%d writes", s.writes)
		case s.largest > results.ObjectLimit:
			t.Fatalf("a write of %d bytes", s.largest)
		case err != nil && !isFull:
			t.Fatalf("want a refusal to be an outcome, got %v", err)
		case isFull && refusals == 0 && s.spec+bareOutcome <= results.ObjectLimit:
			t.Fatalf("the outcome fits, and is not stored: %v", full)
		case !isFull && s.status != stored:
			t.Fatalf("stored %d, returned %d", s.status, stored)
		case (refusal != nil) != (s.abandoned == 1), s.abandoned > 1:
			t.Fatalf("refused: %v, abandoned %d times", refusal, s.abandoned)
		case refusal == nil && refusals > 0:
			t.Fatal("a refusal was not seen")
		}
	})
}

func TestStore(t *testing.T) {
	cases := map[string]struct {
		reason  string
		server  server
		status  int
		want    int
		refused string
		err     string
	}{
		"Fits": {
			reason: "What fits is written as it is.",
			server: server{spec: 1000},
			status: 5000,
			want:   5000,
		},
		"Lean": {
			reason: "What fits when it is said in fewer bytes is no refusal.",
			server: server{spec: 100_000},
			status: 1_600_000,
			want:   1_400_000,
		},
		"TooLarge": {
			reason:  "The size is computed before the API server is asked.",
			server:  server{spec: 1_000_000, managed: 500_000},
			status:  400_000,
			want:    43750,
			refused: "1850000 bytes when encoded",
		},
		"Invalid": {
			reason:  "A refusal for another cause than the size ends the run as well.",
			server:  server{refusals: 1},
			status:  8000,
			want:    4000,
			refused: `the API server refuses the status: TaskRun "run" is invalid`,
		},
		"Twice": {
			reason:  "What was refused can stand in what is left.",
			server:  server{refusals: 2},
			status:  8000,
			want:    1000,
			refused: "the API server refuses the status",
		},
		"Reserve": {
			reason:  "Even the part of an object that is kept free is used for an outcome.",
			server:  server{spec: objectsize.Limit - 100},
			status:  1000,
			want:    bareOutcome,
			refused: "more than the limit",
		},
		"Managed": {
			reason:  "Managed fields make room for an outcome.",
			server:  server{spec: 1_000_000, managed: 572_800},
			status:  1000,
			want:    bareOutcome,
			refused: "more than the limit",
		},
		"Full": {
			reason:  "An object that is full of its spec cannot end; that is said.",
			server:  server{spec: results.ObjectLimit - 10},
			status:  1000,
			refused: "more than the limit",
			err:     "delete it",
		},
		"Forbidden": {
			reason:  "What never takes anything is said as well.",
			server:  server{refusals: 9},
			status:  1000,
			refused: "the API server refuses",
			err:     "delete it",
		},
		"Outdated": {
			reason: "A patch that does not fit a newer version is refused as invalid, and says nothing about the status.",
			server: server{refusals: 1, outdated: true},
			status: 1000,
			err:    "newer version",
		},
		"Broken": {
			reason: "What may pass is tried again.",
			server: server{broken: true},
			status: 1000,
			err:    "no leader",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := tc.server
			_, refusal, err := s.statuses().Store(t.Context(), tc.status)
			if s.status != tc.want {
				t.Errorf("%s: want %d stored, got %d", tc.reason, tc.want, s.status)
			}
			if got := refusal != nil; got != (tc.refused != "") || got && !strings.Contains(refusal.String(), tc.refused) {
				t.Errorf("%s: want refusal %q, got %v", tc.reason, tc.refused, refusal)
			}
			if refusal == nil && s.abandoned > 0 {
				t.Errorf("%s: abandoned without a refusal", tc.reason)
			}
			if got := err != nil; got != (tc.err != "") || got && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: want error %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

// TestRefusalIsShort: an API server quotes the whole value that it refuses.
func TestRefusalIsShort(t *testing.T) {
	cause := apierrors.NewBadRequest(strings.Repeat("é", 1_000_000))
	if got := (Refusal{Cause: cause}).String(); len(got) > 2*maxCause || !strings.Contains(got, "2000000 bytes") {
		t.Errorf("want the cause cut, and its length, got %d bytes", len(got))
	}
	if got := Brief(strings.Repeat("é", 1000)); len(got) > 300 {
		t.Errorf("want a brief message, got %d bytes", len(got))
	}
}

// TestCurrent: an object that has changed, or that is another one of the same name, is a conflict; one that is gone is gone.
func TestCurrent(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(read *v1.TaskRun)
		want   Class
	}{
		"Same":    {reason: "The refusal is about the status.", change: func(*v1.TaskRun) {}},
		"Newer":   {reason: "The next pass has the newer one.", change: func(read *v1.TaskRun) { read.ResourceVersion = "1" }, want: Conflict},
		"Another": {reason: "It was deleted and made again.", change: func(read *v1.TaskRun) { read.UID = "old" }, want: Conflict},
		"Gone":    {reason: "Nothing is left to write.", change: func(read *v1.TaskRun) { read.Name = "gone" }, want: NotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := v1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			stored := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "run", UID: "new", ResourceVersion: "7"}}
			live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(stored).Build()
			read := stored.DeepCopy()
			tc.change(read)
			err := Current(t.Context(), live, v1.KindTaskRun, read)
			if (err == nil) != (tc.want == "") || err != nil && Classify(err) != tc.want {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestStoreEncodesOnce: the size of an object is its encoding, which costs as much as the write itself.
func TestStoreEncodesOnce(t *testing.T) {
	s, sizes := &server{spec: 1000}, 0
	statuses := s.statuses()
	size := statuses.Size
	statuses.Size = func(n int) int { sizes++; return size(n) }
	if _, _, err := statuses.Store(t.Context(), 5000); err != nil {
		t.Fatal(err)
	}
	if sizes != 1 {
		t.Errorf("want the size computed once, got %d times", sizes)
	}
}
