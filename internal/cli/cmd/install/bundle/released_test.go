package bundle

import "testing"

func TestReleased(t *testing.T) {
	got := parseReleased("controller=r/controller@sha256:1,inpod=r/inpod@sha256:2,inpod-spiffe=r/inpod-spiffe@sha256:3," +
		"resolvers=r/resolvers@sha256:4")
	want := Images{Controller: "r/controller@sha256:1", Inpod: "r/inpod@sha256:2", Resolvers: "r/resolvers@sha256:4"}
	if got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	if got := Released(); got != (Images{}) {
		t.Errorf("a build that is no release has no images, got %+v", got)
	}
}
