package install

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
)

func TestChoose(t *testing.T) {
	of := func(repository, digest string) bundle.Images {
		return bundle.Images{
			Controller: repository + "/controller@" + digest,
			Inpod:      repository + "/inpod@" + digest,
			Resolvers:  repository + "/resolvers@" + digest,
		}
	}
	withoutResolvers := func(i bundle.Images) bundle.Images {
		i.Resolvers = ""
		return i
	}
	release := of("ghcr.io/sluice", "new")
	cases := map[string]struct {
		reason                          string
		given, existing, released, want bundle.Images
	}{
		"NoReleaseNothing": {
			reason: "a build of a developer has no images",
		},
		"NoReleaseInstalled": {
			reason:   "an installation keeps its images",
			existing: of("r", "old"),
			want:     of("r", "old"),
		},
		"FirstInstallation": {
			reason:   "a release installs its images",
			released: release,
			want:     release,
		},
		"Update": {
			reason:   "a release updates the images of the release before",
			existing: of("ghcr.io/sluice", "old"),
			released: release,
			want:     release,
		},
		"Copied": {
			reason:   "images that were copied to another registry are not replaced by those that the cluster may not reach",
			existing: of("mirror.example.com/sluice", "old"),
			released: release,
			want:     of("mirror.example.com/sluice", "old"),
		},
		"WithoutResolvers": {
			reason:   "an installation without resolvers stays without",
			existing: withoutResolvers(of("ghcr.io/sluice", "old")),
			released: release,
			want:     withoutResolvers(release),
		},
		"Given": {
			reason:   "images that the user gives come first, one by one",
			given:    bundle.Images{Inpod: "mine"},
			existing: of("ghcr.io/sluice", "old"),
			released: release,
			want:     bundle.Images{Controller: release.Controller, Inpod: "mine", Resolvers: release.Resolvers},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := choose(tc.given, tc.existing, tc.released); got != tc.want {
				t.Errorf("%s: want %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
