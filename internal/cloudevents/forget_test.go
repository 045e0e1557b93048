package cloudevents

import "testing"

// TestDeletedRunIsForgotten: a run that is deleted before it ends leaves nothing in memory. Of one that exists, what was sent is kept: it
// would be sent again.
func TestDeletedRunIsForgotten(t *testing.T) {
	sink := newReceiver(t)
	s := newStore(t, run("build"))
	r := start(t, s, sink.URL)
	r.write(t, "build", true, is(pending()))
	sink.next(t, 2)
	r.empty(t)
	look := func(want int) {
		t.Helper()
		if err := r.resumeAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.backlog.uids(); len(got) != want {
			t.Errorf("want %d runs in memory, got %v", want, got)
		}
	}
	look(1)
	if err := s.Delete(t.Context(), run("build")); err != nil {
		t.Fatal(err)
	}
	look(0)
	if len(sink.got) > 0 {
		t.Errorf("%d events too many", len(sink.got))
	}
}
