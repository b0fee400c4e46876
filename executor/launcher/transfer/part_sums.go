package transfer

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// partSums takes a file as a whole and has the CRC-32 of each of its parts.
type partSums struct {
	partBytes int64
	sums      []uint32
	room      int64 // of the last part
}

func (s *partSums) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if s.room == 0 {
			s.sums, s.room = append(s.sums, 0), s.partBytes
		}
		n := min(s.room, int64(len(rest)))
		last := &s.sums[len(s.sums)-1]
		*last = crc32.Update(*last, crc32.IEEETable, rest[:n])
		rest, s.room = rest[n:], s.room-n
	}
	return len(p), nil
}

// of is as S3 writes it. Parts are counted from 0; what was not read has that of no bytes, and no store takes it for right.
func (s *partSums) of(number int64) string {
	var sum [crc32.Size]byte
	if number < int64(len(s.sums)) {
		binary.BigEndian.PutUint32(sum[:], s.sums[number])
	}
	return base64.StdEncoding.EncodeToString(sum[:])
}
