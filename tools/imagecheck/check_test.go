package main

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  map[string]string
		config v1.Config
		limit  int64
		size   int64
		err    string
	}{
		"Fits": {
			reason: "An image with just its program, as large as it may be, is fine.",
			files:  map[string]string{"ko-app/a": "12345"},
			config: v1.Config{Entrypoint: []string{"/ko-app/a"}, User: "65532"},
			limit:  5, size: 5,
		},
		"TooLarge": {
			reason: "One byte more is too many.",
			files:  map[string]string{"ko-app/a": "123456"},
			config: v1.Config{Entrypoint: []string{"/ko-app/a"}, User: "65532"},
			limit:  5, err: "has 6 bytes unpacked, want at most 5",
		},
		"Shell": {
			reason: "Nothing but the program may come along.",
			files:  map[string]string{"ko-app/a": "1", "bin/sh": "1"},
			config: v1.Config{Entrypoint: []string{"/ko-app/a"}, User: "65532"},
			limit:  5, err: `contains "bin/sh"`,
		},
		"Missing": {
			reason: "An image without its program is not small but broken.",
			config: v1.Config{Entrypoint: []string{"/ko-app/a"}, User: "65532"},
			limit:  5, err: "does not contain its program",
		},
		"Root": {
			reason: "A cluster may refuse to run images whose user is root.",
			files:  map[string]string{"ko-app/a": "1"},
			config: v1.Config{Entrypoint: []string{"/ko-app/a"}},
			limit:  5, err: `runs as user ""`,
		},
		"NoEntrypoint": {
			reason: "The in-pod image is used by its entrypoint.",
			files:  map[string]string{"ko-app/a": "1"},
			config: v1.Config{User: "65532"},
			limit:  5, err: "has the entrypoint []",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			size, err := check(imageWith(t, tc.files, tc.config), tc.limit)
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\ncheck(): got error %v, want %q", tc.reason, err, tc.err)
			}
			if size != tc.size {
				t.Errorf("%s\ncheck(): got size %d, want %d", tc.reason, size, tc.size)
			}
		})
	}
}
