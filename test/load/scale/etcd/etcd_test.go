package etcd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/test/load/scale/etcd"
)

// TestOpen: a folder that is not that of a cluster without a node is refused, with the cause.
func TestOpen(t *testing.T) {
	cases := map[string]struct {
		cluster string
		nowhere bool
		want    string
	}{
		"NoFolder": {
			nowhere: true,
			want:    "LOCALKUBE_DIR is not set",
		},
		"NoCluster": {
			want: "cannot find etcd of the cluster",
		},
		"WithNode": {
			cluster: `{"apiOnly":false,"etcdPort":2379}`,
			want:    "start it with --api-only",
		},
		"NoCertificate": {
			cluster: `{"apiOnly":true,"etcdPort":2379}`,
			want:    "cannot read the certificate for etcd",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.cluster != "" {
				if err := os.WriteFile(filepath.Join(dir, "cluster.json"), []byte(tc.cluster), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tc.nowhere {
				dir = ""
			}
			if _, err := etcd.Open(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}
