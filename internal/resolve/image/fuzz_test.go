package image

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// FuzzParse: whatever a registry sends as a manifest or a configuration, what is kept of it is bounded, and what cannot be
// used says so.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		good,
		`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digested("x") +
			`","platform":{"os":"linux","architecture":"amd64"}}]}`,
		`{"manifests":null,"config":{"digest":"` + digested("x") + `"}}`,
		`{"config":{"Entrypoint":["` + strings.Repeat("x", maxCommand+1) + `"]}}`,
		`{"config":{"Cmd":[` + strings.TrimSuffix(strings.Repeat(`"",`, maxWords+1), ",") + `]}}`,
		`{"config":{"Cmd":"sh"}}`,
		`[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := parseDocument(content)
		if err != nil {
			wantUnusable(t, err)
		} else if m, err := parseIndex(d.Manifests); err != nil {
			wantUnusable(t, err)
		} else if limit := maxPlatforms * 512; m.size() > limit {
			t.Errorf("an index holds %d bytes, more than %d", m.size(), limit)
		}
		if m, err := parseImage(content); err != nil {
			wantUnusable(t, err)
		} else if limit := maxCommand + 2*maxWords*wordOverhead; m.size() > limit || len(m.entrypoint)+len(m.cmd) == 0 {
			t.Errorf("a command of %d words holds %d bytes, more than %d", len(m.entrypoint)+len(m.cmd), m.size(), limit)
		}
	})
}

func wantUnusable(t *testing.T, err error) {
	t.Helper()
	var unusable *unusableError
	if !errors.As(err, &unusable) || unusable.why == "" || unusable.do == "" {
		t.Errorf("%v does not say what to do", fmt.Sprint(err))
	}
}
