// # A matrix product in two loop orders
//
// C = A * B, 20 by 20, each row on a page of its own: what a corner of a matrix
// with 512 columns looks like. Both orders do the same multiplications and get
// the same sums. But with k innermost B is walked down a column, a page for each
// step; with j innermost along a row, which is one page.

#include "mem/pager/work.h"

enum { N = 20, A = 0, B = N, C = 2 * N };

static size_t cell(int matrix, int row, int column)
{
	return (size_t)(matrix + row) * USED + (size_t)column;
}

static void prepare(struct view view)
{
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			set(view, cell(A, i, j), mixed(cell(A, i, j)));
			set(view, cell(B, i, j), mixed(cell(B, i, j)));
		}
}

static void multiply_ijk(struct view view)
{
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			uint64_t sum = 0;
			for (int k = 0; k < N; k++)
				sum += get(view, cell(A, i, k)) *
				       get(view, cell(B, k, j));
			set(view, cell(C, i, j), sum);
		}
}

static void multiply_ikj(struct view view)
{
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++) {
			uint64_t a = get(view, cell(A, i, k));
			for (int j = 0; j < N; j++) {
				uint64_t b = get(view, cell(B, k, j));
				uint64_t c = get(view, cell(C, i, j));
				set(view, cell(C, i, j), c + a * b);
			}
		}
}

const struct work work_ijk = { "ijk", "matrix product, k innermost", 3 * N,
			       prepare, multiply_ijk };
const struct work work_ikj = { "ikj", "matrix product, j innermost", 3 * N,
			       prepare, multiply_ikj };
