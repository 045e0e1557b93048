package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const step = "spec.taskSpec.steps[1]"

func TestEntrypoint(t *testing.T) {
	s := newServer(t)
	both := running(t, []string{"docker-entrypoint.sh"}, []string{"bash"})
	other := configured(t, v1.ConfigFile{
		OS:           "linux",
		Architecture: "arm64",
		Config:       v1.Config{Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"bash"}},
	})
	different := configured(t, v1.ConfigFile{OS: "linux", Architecture: "arm64", Config: v1.Config{Entrypoint: []string{"/qemu"}}})
	windows := configured(t, v1.ConfigFile{OS: "windows", Architecture: "amd64", Config: v1.Config{Entrypoint: []string{"cmd.exe"}}})
	agreeing := platforms(t,
		map[string]v1.Image{"linux/amd64": both, "linux/arm64/v8": other, "windows/amd64": windows, "unknown/unknown": windows})
	disagreeing := platforms(t, map[string]v1.Image{"linux/amd64": both, "linux/arm64": different})

	s.image(t, "both:1", both)
	s.image(t, "cmd:1", running(t, nil, []string{"sh"}))
	s.image(t, "nothing:1", running(t, nil, nil))
	s.image(t, "huge:1", running(t, []string{strings.Repeat("x", maxCommand+1)}, nil))
	s.image(t, "windows:1", windows)
	s.index(t, "agreeing:1", agreeing)
	s.index(t, "disagreeing:1", disagreeing)
	s.index(t, "windows-index:1", platforms(t, map[string]v1.Image{"windows/amd64": windows}))

	cases := map[string]struct {
		reason        string
		image         string
		architectures []string
		want          Entrypoint
		err           string
	}{
		"Both": {
			reason: "Entrypoint and arguments stay apart: a step's args replace the arguments only.",
			image:  "both:1",
			want:   Entrypoint{Image: "both@" + digestOf(t, both), Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"bash"}},
		},
		"Digest": {
			reason: "A digest is looked up as it is.",
			image:  "both@" + digestOf(t, both),
			want:   Entrypoint{Image: "both@" + digestOf(t, both), Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"bash"}},
		},
		"TagAndDigest": {
			reason: "With both, the digest counts, as it does for the kubelet.",
			image:  "both:9@" + digestOf(t, both),
			want:   Entrypoint{Image: "both@" + digestOf(t, both), Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"bash"}},
		},
		"AllPlatformsAgree": {
			reason: "Windows and signatures do not count; the image by digest is the index, so that any node finds its own.",
			image:  "agreeing:1",
			want:   Entrypoint{Image: "agreeing@" + digestOf(t, agreeing), Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"bash"}},
		},
		"PlatformsDisagree": {
			reason: "A guess would run the wrong program.",
			image:  "disagreeing:1",
			err:    `"docker-entrypoint.sh" "bash"`,
		},
		"BoundToOnePlatform": {
			reason:        "Where the node's architecture is known, there is nothing to guess.",
			image:         "disagreeing:1",
			architectures: []string{"arm64"},
			want:          Entrypoint{Image: "disagreeing@" + digestOf(t, disagreeing), Entrypoint: []string{"/qemu"}},
		},
		"NotForThisPlatform": {
			reason:        "The pod could not run there in any case.",
			image:         "agreeing:1",
			architectures: []string{"s390x"},
			err:           "but the pod runs on s390x; use another image, or another node",
		},
		"Nothing": {
			reason: "An image of data has nothing to run.",
			image:  "nothing:1",
			err:    "has neither an entrypoint nor a command; give the step a command",
		},
		"Huge": {
			reason: "What is remembered is bounded.",
			image:  "huge:1",
			err:    "has an entrypoint of 32769 bytes or more, above the limit of 32768",
		},
		"Windows": {
			reason: "It would not start.",
			image:  "windows:1",
			err:    "is not for Linux",
		},
		"WindowsIndex": {
			reason: "Nor would any of these.",
			image:  "windows-index:1",
			err:    "has no image for Linux",
		},
		"NoSuchTag": {
			reason: "A typo is the user's to correct.",
			image:  "both:2",
			err:    "does not have it; correct the name, or give the step a command",
		},
		"NoSuchImage": {
			reason: "So is this one.",
			image:  "neither:1",
			err:    "does not have it; correct the name, or give the step a command",
		},
		"NoName": {
			reason: "What is not even a name is not asked for.",
			image:  "UPPER CASE",
			err:    "is not a valid image name; correct the name",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			image := s.host + "/" + tc.image
			got, err := lookup(s.options()).Entrypoint(t.Context(), image, Pull{Namespace: "n", Step: step, Architectures: tc.architectures})
			if tc.err != "" {
				wantError(t, err, tc.reason, fmt.Sprintf("%s.image: %q: ", step, image), tc.err)
				return
			}
			if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			tc.want.Image = s.host + "/" + tc.want.Image
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// wantError fails the test unless err is for users, and says all of words.
func wantError(t *testing.T, err error, reason string, words ...string) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("%s\n%v is no *Error", reason, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s\n%q lacks %q", reason, err, word)
		}
	}
}

// wantPassing fails the test unless err may pass, and says all of words.
func wantPassing(t *testing.T, err error, reason string, words ...string) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		t.Fatalf("%s\n%v is none that may pass", reason, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s\n%q lacks %q", reason, err, word)
		}
	}
}

func TestCommand(t *testing.T) {
	cases := map[string]struct {
		reason        string
		of            Entrypoint
		args          []string
		command, want []string
	}{
		"Both": {
			reason:  "The image as it is.",
			of:      Entrypoint{Entrypoint: []string{"e"}, Cmd: []string{"c"}},
			command: []string{"e"},
			want:    []string{"c"},
		},
		"Args": {
			reason:  "A step's args replace the image's.",
			of:      Entrypoint{Entrypoint: []string{"e"}, Cmd: []string{"c"}},
			args:    []string{"a"},
			command: []string{"e"},
			want:    []string{"a"},
		},
		"OnlyCmd": {
			reason:  "busybox runs sh.",
			of:      Entrypoint{Cmd: []string{"sh"}},
			command: []string{"sh"},
		},
		"OnlyCmdArgs": {
			reason:  "And its sh runs the args: Tasks rely on it.",
			of:      Entrypoint{Cmd: []string{"sh"}},
			args:    []string{"-c", "ls"},
			command: []string{"sh"},
			want:    []string{"-c", "ls"},
		},
		"OnlyProgram": {
			reason:  "An image with a program needs no arguments.",
			of:      Entrypoint{Entrypoint: []string{"e"}},
			command: []string{"e"},
		},
		"ProgramAndIt": {
			reason:  "It may get some.",
			of:      Entrypoint{Entrypoint: []string{"e"}},
			args:    []string{"a"},
			command: []string{"e"},
			want:    []string{"a"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			command, args := tc.of.Command(tc.args)
			if !slices.Equal(command, tc.command) || !slices.Equal(args, tc.want) {
				t.Errorf("%s\ngot %q %q, want %q %q", tc.reason, command, args, tc.command, tc.want)
			}
		})
	}
}

func TestCache(t *testing.T) {
	s := newServer(t)
	image := s.image(t, "a:1", running(t, []string{"one"}, nil))
	l := lookup(s.options())
	pull := Pull{Namespace: "n", Step: step}
	get := func(image, want string) {
		t.Helper()
		got, err := l.Entrypoint(t.Context(), image, pull)
		if err != nil {
			t.Fatal(err)
		}
		if got.Entrypoint[0] != want {
			t.Errorf("it runs %q, want %q", got.Entrypoint, want)
		}
	}

	get(image, "one")
	s.asked()
	get(image, "one")
	if diff := cmp.Diff([]string{"HEAD /v2/a/manifests/1"}, s.asked()); diff != "" {
		t.Errorf("a tag that is known is asked for its digest only: -want +got:\n%s", diff)
	}

	second := running(t, []string{"two"}, nil)
	s.image(t, "a:1", second)
	get(image, "two")
	s.asked()
	get(s.host+"/a@"+digestOf(t, second), "two")
	if diff := cmp.Diff([]string(nil), s.asked()); diff != "" {
		t.Errorf("what is known by digest is not asked for: -want +got:\n%s", diff)
	}
}

func TestRegistryWithoutHead(t *testing.T) {
	s := newServer(t)
	image := s.image(t, "a:1", running(t, []string{"one"}, nil))
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return r.Method == http.MethodHead
	}
	got, err := lookup(s.options()).Entrypoint(t.Context(), image, Pull{Namespace: "n", Step: step})
	if err != nil || got.Entrypoint[0] != "one" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	hang := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	_, err := lookup(Options{Transport: hang, Timeout: time.Millisecond}).Entrypoint(t.Context(), "registry.example.com/a", Pull{Step: step})
	wantPassing(t, err, "A lookup does not wait for ever.", "did not respond as a registry")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lookup(Options{Transport: hang}).Entrypoint(ctx, "registry.example.com/a",
		Pull{Step: step}); !errors.Is(err, context.Canceled) {
		t.Errorf("a controller that ends says %v", err)
	}
}
