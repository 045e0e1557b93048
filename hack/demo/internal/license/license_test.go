package license

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	mit = `Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal in it.

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.`
	bsd2 = `Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:`
	bsd3 = bsd2 + `
* Neither the name of the owner nor the names of its contributors
may be used to endorse or promote products derived from this software.`
	apache = "                                 Apache License\n                           Version 2.0, January 2004\n"
	isc    = `Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted`
)

func TestIdentify(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   []string
	}{
		"mit": {
			reason: "its two sentences are in the text, across line breaks",
			text:   mit,
			want:   []string{"MIT"},
		},
		"bsd-2": {
			reason: "without the clause on endorsement there are two clauses",
			text:   bsd2,
			want:   []string{"BSD-2-Clause"},
		},
		"bsd-3": {
			reason: "the clause on endorsement is there",
			text:   bsd3,
			want:   []string{"BSD-3-Clause"},
		},
		"apache": {
			reason: "heading and date identify the license",
			text:   apache,
			want:   []string{"Apache-2.0"},
		},
		"isc": {
			reason: "the notice has to be kept",
			text:   isc + ", provided that the above copyright notice and this permission notice appear in all copies.",
			want:   []string{"ISC"},
		},
		"0bsd": {
			reason: "nothing has to be kept",
			text:   isc + ".",
			want:   []string{"0BSD"},
		},
		"gpl": {
			reason: "the heading names the version",
			text:   "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n",
			want:   []string{"GPL-3.0"},
		},
		"lgpl": {
			reason: "the lesser license has a point version",
			text:   "  GNU LESSER GENERAL PUBLIC LICENSE\n  Version 2.1, February 1999\n",
			want:   []string{"LGPL-2.1"},
		},
		"mpl": {
			reason: "a mention of the GPL in the MPL's text is not a license",
			text:   "Mozilla Public License Version 2.0\nmeans either the GNU General Public License, Version 2.0, or",
			want:   []string{"MPL-2.0"},
		},
		"two in one": {
			reason: "a file that holds two texts has both",
			text:   mit + "\n" + apache,
			want:   []string{"Apache-2.0", "MIT"},
		},
		"four-clause": {
			reason: "the clause on advertising makes it another license, which is not known here",
			text:   bsd3 + " All advertising materials must display",
			want:   nil,
		},
		"unknown": {
			reason: "what is not recognized is not guessed",
			text:   "All rights reserved.",
			want:   nil,
		},
		"empty": {
			reason: "no text is no license",
			text:   "",
			want:   nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Identify(tc.text)); diff != "" {
				t.Errorf("Identify: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestModule(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  fstest.MapFS
		want   []string
	}{
		"one file": {
			reason: "the usual name",
			files:  fstest.MapFS{"LICENSE": {Data: []byte(mit)}},
			want:   []string{"MIT"},
		},
		"two files": {
			reason: "one file for each license; each is listed once, sorted",
			files:  fstest.MapFS{"LICENSE-MIT": {Data: []byte(mit)}, "LICENSE-APACHE": {Data: []byte(apache)}, "COPYING": {Data: []byte(mit)}},
			want:   []string{"Apache-2.0", "MIT"},
		},
		"other case": {
			reason: "names are compared without regard to case",
			files:  fstest.MapFS{"License.md": {Data: []byte(bsd3)}},
			want:   []string{"BSD-3-Clause"},
		},
		"source file": {
			reason: "a program about licenses is not a license",
			files:  fstest.MapFS{"license.go": {Data: []byte(mit)}},
			want:   nil,
		},
		"folder": {
			reason: "only files of the root folder count",
			files:  fstest.MapFS{"LICENSES/MIT.txt": {Data: []byte(mit)}},
			want:   nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Module(tc.files)
			if err != nil {
				t.Fatalf("Module: %v", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Module: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
