package trust

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/api/v1alpha1"
)

// matchesOf returns the matches of a policy with one pattern.
func matchesOf(t *testing.T, pattern, source string) []Match {
	t.Helper()
	p := v1alpha1.VerificationPolicy{Spec: v1alpha1.VerificationPolicySpec{Resources: []v1alpha1.ResourcePattern{{Pattern: pattern}}}}
	got, err := Matching([]v1alpha1.VerificationPolicy{p}, source)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestSpellingsOfOneSource: whichever spelling a pattern has, no other spelling in a reference escapes it.
func TestSpellingsOfOneSource(t *testing.T) {
	cases := map[string]struct {
		reason string
		// spellings are those that patterns have, and only those that only sources have.
		spellings, only []string
		// others are other sources.
		others []string
	}{
		"Repository": {
			reason: "The same repository at a hosting service.",
			spellings: []string{
				"https://github.com/team/catalog",
				"https://github.com/team/catalog/",
				"https://github.com/team/catalog.git",
				"https://github.com/team/catalog.git/",
				"https://GitHub.com/team/catalog",
				"https://github.com/Team/Catalog.git",
				"https://github.com:443/team/catalog",
				"http://github.com/team/catalog.git",
				"http://github.com:80/team/catalog",
				"ssh://github.com/team/catalog.git",
				"ssh://git@github.com/team/catalog",
				"ssh://git@github.com:22/team/catalog.git",
				"git@github.com:team/catalog.git",
			},
			only: []string{
				"git+https://GITHUB.COM:443/team/catalog.git/",
				"https://user@github.com/team/catalog",
				"https://user:password@github.com:443/team/catalog.git",
				"ssh://other@github.com/team/catalog",
				"https://github.com./team/catalog",
				"https://github.com/team/%63atalog",
				"https://github.com//team/./x/../catalog",
				"https://github.com/team/catalog?x=https://example.com",
				"https://github.com/team/catalog#x",
				"HTTPS://github.com/team/catalog",
			},
			others: []string{
				"https://github.com/team/catalog2",
				"https://github.com/team",
				"https://github.com/team/catalog/x",
				"https://github.com:8443/team/catalog",
				"https://example.com/team/catalog",
				"https://example.com/?x=https://github.com/team/catalog",
				"https://github.com@example.com/team/catalog",
				"/apis/github.com/team/catalog",
			},
		},
		"Port": {
			reason:    "A port that is not the default is a part of the host.",
			spellings: []string{"https://git.example.com:8443/x.git", "https://git.example.com:8443/x", "ssh://git@git.example.com:8443/x"},
			only:      []string{"https://user@git.EXAMPLE.com:8443/x/"},
			others:    []string{"https://git.example.com/x", "https://git.example.com:443/x"},
		},
		"Escapes": {
			reason:    "A path that needs its escapes keeps them.",
			spellings: []string{"https://gitlab.example.com/api/v4/projects/team%2Fcatalog/raw"},
			only:      []string{"https://GITLAB.example.com:443/api/v4/projects/team%2Fcatalog/raw"},
			others:    []string{"https://gitlab.example.com/api/v4/projects/team/other/raw"},
		},
		"Image": {
			reason:    "A bundle has no scheme.",
			spellings: []string{"registry.example.com/team/catalog", "registry.example.com:443/team/catalog"},
			only:      []string{"Registry.example.com/team/catalog"},
			others:    []string{"registry.example.com:5000/team/catalog", "registry.example.com/team/other"},
		},
		"Address": {
			reason:    "An address of IPv6 has colons.",
			spellings: []string{"https://[fd12::1]/x", "https://[fd12::1]:443/x.git"},
			only:      []string{"https://[FD12::1]/x"},
			others:    []string{"https://[fd12::2]/x"},
		},
		"Object": {
			reason:    "An object of the cluster has one spelling.",
			spellings: []string{"/apis/tekton.dev/v1/namespaces/team/task/build@1"},
			others:    []string{"/apis/tekton.dev/v1/namespaces/team/task/build@1/", "/apis/tekton.dev/v1/namespaces/other/task/build@1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, pattern := range tc.spellings {
				for _, source := range append(tc.only, tc.spellings...) {
					got := matchesOf(t, regexp.QuoteMeta(pattern), source)
					if len(got) != 1 || got[0].Other != (pattern != strings.TrimPrefix(source, "git+")) {
						t.Errorf("%s\npattern %q, source %q: got %v", tc.reason, pattern, source, got)
					}
				}
				for _, source := range tc.others {
					if got := matchesOf(t, regexp.QuoteMeta(pattern), source); len(got) != 0 {
						t.Errorf("%s\npattern %q, source %q: want no match", tc.reason, pattern, source)
					}
				}
			}
		})
	}
}

// TestOtherSpellingsOnlyAdd: a pattern that matches a source as it is written matches it, whatever its other spellings are.
func TestOtherSpellingsOnlyAdd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		address := rapid.StringMatching(`(https?|ssh)://([a-z]+@)?[A-Za-z.]{1,9}(:[0-9]{1,5})?(/[a-zA-Z.%?#]{0,9}){0,3}`)
		source := strings.ToValidUTF8(rapid.OneOf(rapid.StringN(0, 80, 256), address).Draw(rt, "source"), "?")
		pattern := `[^A-Z]*|` + regexp.QuoteMeta(strings.TrimPrefix(source, "git+"))
		if got := matchesOf(t, pattern, source); len(got) != 1 || got[0].Other {
			rt.Errorf("want a match of %q as it is written, got %v", source, got)
		}
	})
}

// TestLongPlace: a source whose spellings would take long to compare is refused, and one that is long for its query only is not.
func TestLongPlace(t *testing.T) {
	p := []v1alpha1.VerificationPolicy{{Spec: v1alpha1.VerificationPolicySpec{Resources: []v1alpha1.ResourcePattern{{Pattern: "x"}}}}}
	cases := map[string]struct {
		reason, source, want string
	}{
		"Path": {
			reason: "Its path is in each spelling.",
			source: "https://example.com/" + strings.Repeat("x", maxPlace),
			want:   "its host and its path have more than 512 bytes together",
		},
		"Host": {
			reason: "So is its host.",
			source: strings.Repeat("x", maxPlace) + "/x",
			want:   "its host and its path have more than 512 bytes together",
		},
		"Query": {
			reason: "Its query is in no other spelling.",
			source: "https://example.com/?" + strings.Repeat("x", maxPlace),
		},
		"Object": {
			reason: "It has no other spelling.",
			source: "/" + strings.Repeat("x", maxPlace),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Matching(p, tc.source)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nwant %q, got %v", tc.reason, tc.want, err)
			}
			if all, err := spellings(tc.source); err == nil && len(all) > 73 {
				t.Errorf("%s\nwant at most 73 spellings, got %d", tc.reason, len(all))
			}
		})
	}
}
