package image

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
)

func TestParseMirror(t *testing.T) {
	cases := map[string]struct {
		reason, text, registry, url, err string
	}{
		"One": {
			reason:   "The mirror of one registry.",
			text:     "docker.io=https://mirror.example.com",
			registry: "docker.io",
			url:      "https://mirror.example.com",
		},
		"Any": {
			reason:   "A mirror of all, on a network of one's own.",
			text:     "*=http://10.0.0.1:5000",
			registry: "*",
			url:      "http://10.0.0.1:5000",
		},
		"Path": {
			reason:   "Some keep each registry in a folder.",
			text:     "quay.io=https://m.example.com/quay",
			registry: "quay.io",
			url:      "https://m.example.com/quay",
		},
		"NoURL": {
			reason: "Both halves are needed.",
			text:   "docker.io",
			err:    "want REGISTRY=URL",
		},
		"NoScheme": {
			reason: "Whether it speaks TLS is not guessed.",
			text:   "docker.io=mirror.example.com",
			err:    "is not a URL with http:// or https://",
		},
		"NoName": {
			reason: "A registry has the name of a host.",
			text:   "docker.io/library=http://m",
			err:    "is not the name of a registry",
		},
		"Nothing": {
			reason: "Nothing is not everything.",
			text:   "=http://m",
			err:    "want REGISTRY=URL",
		},
		"OtherKind": {
			reason: "There is nothing else to speak.",
			text:   "docker.io=ftp://m",
			err:    "is not a URL",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := ParseMirror(tc.text)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s\n%v lacks %q", tc.reason, err, tc.err)
				}
				return
			}
			if err != nil || m.Registry != tc.registry || m.URL.String() != tc.url {
				t.Errorf("%s\ngot %+v, %v", tc.reason, m, err)
			}
		})
	}
}

func TestSources(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	cases := map[string]struct {
		reason  string
		image   string
		mirrors []string
		want    []string
	}{
		"None": {
			reason: "Without mirrors there is the registry.",
			image:  "busybox",
			want:   []string{"index.docker.io/library/busybox:latest"},
		},
		"Docker": {
			reason:  "Docker's registry goes by the name that people write.",
			image:   "busybox:1",
			mirrors: []string{"docker.io=http://m.example:5000"},
			want:    []string{"m.example:5000/library/busybox:1", "index.docker.io/library/busybox:1"},
		},
		"Other": {
			reason:  "A mirror is for its registry only.",
			image:   "quay.io/a/b:1",
			mirrors: []string{"docker.io=http://m.example:5000"},
			want:    []string{"quay.io/a/b:1"},
		},
		"Any": {
			reason:  "Or for all of them; the order is the administrator's.",
			image:   "quay.io/a/b:1",
			mirrors: []string{"*=http://m.example:5000", "quay.io=https://n.example"},
			want:    []string{"m.example:5000/a/b:1", "n.example/a/b:1", "quay.io/a/b:1"},
		},
		"Path": {
			reason:  "A folder comes before the name.",
			image:   "busybox:1",
			mirrors: []string{"docker.io=https://m.example/hub/"},
			want:    []string{"m.example/hub/library/busybox:1", "index.docker.io/library/busybox:1"},
		},
		"Digest": {
			reason:  "A digest stays one.",
			image:   "quay.io/a" + digest,
			mirrors: []string{"*=http://m.example"},
			want:    []string{"m.example/a" + digest, "quay.io/a" + digest},
		},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			var mirrors []Mirror
			for _, text := range tc.mirrors {
				mirrors = append(mirrors, mirror(t, text))
			}
			ref, err := name.ParseReference(tc.image)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range lookup(Options{Mirrors: mirrors}).sources(ref) {
				got = append(got, s.reference.Name())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMirrorIsAskedAsContainerdAsks(t *testing.T) {
	s := newServer(t)
	image := running(t, []string{"one"}, nil)
	s.image(t, "library/busybox:1", image)
	s.asked()
	got, err := lookup(Options{
		Mirrors:   []Mirror{mirror(t, "*=http://"+s.host)},
		Transport: unreachable(errors.New("the registry itself was asked"), s.host),
	}).Entrypoint(t.Context(), "busybox:1", Pull{Namespace: "n", Step: step})
	if err != nil {
		t.Fatal(err)
	}
	want := Entrypoint{Image: "docker.io/library/busybox@" + digestOf(t, image), Entrypoint: []string{"one"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pod asks for the image under its own name: -want +got:\n%s", diff)
	}
	for _, request := range s.asked() {
		if !strings.HasSuffix(request, "?ns=docker.io") {
			t.Errorf("a request does not say whose image is meant: %s", request)
		}
	}
}

func TestMirrorWithoutTheImage(t *testing.T) {
	lacking, itself := newServer(t), newServer(t)
	image := itself.image(t, "a:1", running(t, []string{"one"}, nil))
	pull := Pull{Namespace: "n", Step: step}
	cases := map[string]struct {
		reason    string
		transport http.RoundTripper
		mirror    string
		image     string
		passing   bool
		want      []string
	}{
		"TheRegistryHasIt": {reason: "A mirror need not have everything.", mirror: lacking.host, image: image},
		"MirrorAway":       {reason: "Nor need it be there.", mirror: "127.0.0.1:1", image: image},
		"Nobody": {
			reason: "Then both say so.", mirror: lacking.host, image: itself.host + "/b:1",
			want: []string{"mirror " + lacking.host + " of registry " + itself.host + " does not have it; registry " +
				itself.host + " does not have it"},
		},
		"RegistryAway": {
			reason: "The registry may come back, and have it.", mirror: lacking.host, image: "registry.example.com/a:1",
			transport: unreachable(&net.OpError{Op: "dial", Err: errors.New("no route to host")}, lacking.host), passing: true,
			want: []string{"does not have it", "registry registry.example.com did not respond as a registry"},
		},
		"NoNetwork": {
			reason: "On a machine without a network no other registry exists.", mirror: lacking.host, image: "busybx:1",
			transport: unreachable(&net.DNSError{Err: "no such host", Name: "index.docker.io", IsNotFound: true}, lacking.host),
			want: []string{
				"mirror " + lacking.host + " of registry docker.io does not have it",
				"registry docker.io is not known to the name server; correct the name, or give the step a command",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := lookup(Options{Mirrors: []Mirror{mirror(t, "*=http://"+tc.mirror)}, Insecure: []string{itself.host}, Transport: tc.transport})
			got, err := l.Entrypoint(t.Context(), tc.image, pull)
			switch {
			case tc.passing:
				wantPassing(t, err, tc.reason, tc.want...)
			case len(tc.want) > 0:
				wantError(t, err, tc.reason, tc.want...)
			case err != nil || got.Entrypoint[0] != "one":
				t.Errorf("%s\ngot %v, %v", tc.reason, got, err)
			}
		})
	}
}

func TestCheckRegistry(t *testing.T) {
	for host, want := range map[string]bool{
		"registry.example.com": true,
		"10.0.0.1:5000":        true,
		"":                     false,
		"http://r.example":     false,
		"r.example/folder":     false,
	} {
		if err := CheckRegistry(host); (err == nil) != want {
			t.Errorf("%q is one: %t, got %v", host, want, err)
		}
	}
}
