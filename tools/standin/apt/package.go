package apt

import (
	"bufio"
	"bytes"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// Package is a downloaded package.
type Package struct {
	// Name and Version in Debian.
	Name, Version string
	path          string
}

// String returns the name and the version.
func (p Package) String() string { return p.Name + " " + p.Version }

// Without returns the packages in all whose names are not in base.
func Without(all, base []Package) []Package {
	known := map[string]bool{}
	for _, p := range base {
		known[p.Name] = true
	}
	var rest []Package
	for _, p := range all {
		if !known[p.Name] {
			rest = append(rest, p)
		}
	}
	return rest
}

// uri matches a line of `apt-get --print-uris`: the URL in quotes, the name of the file, its size and its digest.
func uri() *regexp.Regexp { return regexp.MustCompile(`^'[^']+' (\S+)_(\S+)_(\S+)\.deb \d+ \S*$`) }

// parse parses the output of `apt-get --print-uris`. The packages are in the folder archives.
func parse(out []byte, archives string) ([]Package, error) {
	line := uri()
	var packages []Package
	for scanner := bufio.NewScanner(bytes.NewReader(out)); scanner.Scan(); {
		parts := line.FindStringSubmatch(scanner.Text())
		if parts == nil {
			continue // a message for users
		}
		// A colon separates the epoch. apt escapes it in names of files.
		version, err := url.PathUnescape(parts[2])
		if err != nil {
			return nil, fmt.Errorf("cannot parse version %q: %w", parts[2], err)
		}
		file := strings.Join(parts[1:], "_") + ".deb"
		packages = append(packages, Package{Name: parts[1], Version: version, path: filepath.Join(archives, file)})
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("cannot find the name of a package in %q", out)
	}
	return packages, nil
}
