package reconcile

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func request(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "ns", Name: name}}
}

// TestBackoffOfOne: an object is tried again soon, less and less often, and never much later than the API server is back.
func TestBackoffOfOne(t *testing.T) {
	b := Backoff()
	var total time.Duration
	for n := range 20 {
		d := b.When(request("one"))
		if want := min(10*time.Millisecond<<n, 30*time.Second); d != want {
			t.Errorf("wait %d: want %v, got %v", n, want, d)
		}
		if total += d; n == 9 && total < 10*time.Second {
			t.Errorf("want at most ten tries in the first ten seconds, got the eleventh after %v", total)
		}
	}
	b.Forget(request("one"))
	if d := b.When(request("one")); d != 10*time.Millisecond {
		t.Errorf("once a pass has gone well it starts from nothing, got %v", d)
	}
}

// TestBackoffOfMany: however many objects fail at once, their passes come at a bounded rate.
func TestBackoffOfMany(t *testing.T) {
	b := Backoff()
	soon := 0
	for i := range 5000 {
		if b.When(request(fmt.Sprint(i))) < time.Second {
			soon++
		}
	}
	if limit := 500 + 2*100; soon > limit {
		t.Errorf("of 5000 objects that failed, want at most %d tried within a second, got %d", limit, soon)
	}
}
