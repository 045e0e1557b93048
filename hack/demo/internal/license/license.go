// Package license names the license of a Go module by reading its license files. It searches for sentences that are in the
// text of one license and in no other. It does not guess: a module without a known text has no license here, and the caller
// must report it.
package license

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// maxFile is the maximum size in bytes of a license file that is read. The longest text in use, the GPL's, has 35 kB.
const maxFile = 1 << 20

// rule recognizes one license: the text contains all of its phrases and none of the excluded ones.
type rule struct {
	id      string // SPDX identifier
	all     []string
	without []string
}

// rules returns the known licenses. Phrases are in lower case, with one space for every run of spaces and punctuation.
func rules() []rule {
	const (
		bsd     = "redistribution and use in source and binary forms with or without modification are permitted"
		endorse = "may be used to endorse or promote products"
		isc     = "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted"
		notice  = "provided that the above copyright notice and this permission notice appear in all copies"
	)
	return []rule{
		{id: "Apache-2.0", all: []string{"apache license", "version 2 0 january 2004"}},
		{id: "Apache-2.0", all: []string{"licensed under the apache license version 2 0"}},
		{id: "MIT", all: []string{
			"permission is hereby granted free of charge to any person obtaining a copy",
			"copyright notice and this permission notice shall be included in all copies"}},
		{id: "BSD-3-Clause", all: []string{bsd, endorse}, without: []string{"all advertising materials"}},
		{id: "BSD-2-Clause", all: []string{bsd}, without: []string{endorse, "all advertising materials"}},
		{id: "ISC", all: []string{isc, notice}},
		{id: "0BSD", all: []string{isc}, without: []string{notice}},
		{id: "MPL-2.0", all: []string{"mozilla public license version 2 0"}},
		{id: "Unlicense", all: []string{"this is free and unencumbered software released into the public domain"}},
		{id: "CC0-1.0", all: []string{"creative commons", "cc0 1 0 universal"}},
		{id: "Zlib", all: []string{
			"this software is provided as is without any express or implied warranty",
			"altered source versions must be plainly marked",
		}},
	}
}

// gnu is the heading of a GNU license. Other licenses mention these names in their text, so only a heading counts.
var gnu = regexp.MustCompile(`(?m)^\s*GNU (AFFERO |LESSER )?GENERAL PUBLIC LICENSE\s*\n\s*Version (\d)(?:\.(\d))?`)

// notWord matches the separators of words.
var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// Identify returns the SPDX identifiers of the licenses that text contains, sorted, each once. A file may contain more than
// one. It returns none if it recognizes none.
func Identify(text string) []string {
	plain := notWord.ReplaceAllString(strings.ToLower(text), " ")
	var ids []string
	for _, r := range rules() {
		if containsAll(plain, r.all) && !containsAny(plain, r.without) {
			ids = append(ids, r.id)
		}
	}
	for _, m := range gnu.FindAllStringSubmatch(text, -1) {
		ids = append(ids, gnuID(m[1], m[2], m[3]))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func gnuID(kind, major, minor string) string {
	name := map[string]string{"": "GPL", "AFFERO ": "AGPL", "LESSER ": "LGPL"}[kind]
	if minor == "" {
		minor = "0"
	}
	return name + "-" + major + "." + minor
}

func containsAll(text string, phrases []string) bool {
	return !slices.ContainsFunc(phrases, func(p string) bool { return !strings.Contains(text, p) })
}

func containsAny(text string, phrases []string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(text, p) })
}

// Module returns the licenses of the module whose root folder is dir, from all files with the name of a license file. It
// returns none, and no error, if the folder has no such file or none that is recognized.
func Module(dir fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("cannot list module folder: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !isLicenseFile(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil || info.Size() > maxFile {
			continue
		}
		text, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			return nil, fmt.Errorf("cannot read license file %q: %w", e.Name(), err)
		}
		ids = append(ids, Identify(string(text))...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// isLicenseFile reports whether a file has a name that projects use for their license.
func isLicenseFile(name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, ".go") {
		return false
	}
	for _, prefix := range []string{"license", "licence", "copying", "unlicense", "mit-license"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
