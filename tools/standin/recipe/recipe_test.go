package recipe

import (
	"slices"
	"strings"
	"testing"
)

func TestAll(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) {
		t.Errorf("the names are not sorted: %q", names)
	}
	layers := map[string]string{}
	for _, r := range All() {
		if len(r.Config.Cmd) == 0 {
			t.Errorf("image %q does not say what it runs", r.Name)
		}
		for _, l := range r.Layers {
			packages := strings.Join(l.Packages, " ")
			if known, ok := layers[l.Name]; ok && known != packages {
				t.Errorf("image %q has another layer %q than others: %q and %q", r.Name, l.Name, packages, known)
			}
			layers[l.Name] = packages
		}
	}
}

func TestFind(t *testing.T) {
	found, err := Find("ubuntu", "alpine")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Name != "ubuntu" || found[1].Name != "alpine" {
		t.Errorf("found %v", found)
	}
	if _, err := Find("windows"); err == nil || !strings.Contains(err.Error(), "alpine, bash, busybox") {
		t.Errorf("the error does not say what there is: %v", err)
	}
}
