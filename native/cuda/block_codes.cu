#include "codes.cuh"

struct Shared { Codes codes; float places[32]; };

// codes and scales from x, blocks and threads as in codes.cuh: gridDim.x = blocks, 2176 bytes of shared memory.
//   codes (elements)   scales (blocks)   x (elements)
KERNEL BOUNDS(256, 4) block_codes_encode_f32(unsigned char* codes, float* scales, const float* x, long long elements, int is_signed) {
    SHARED_MEMORY(memory);
    Shared& shared = *(Shared*)memory;
    CodeBlock block = this_code_block(elements);
    bool is_whole = block.is_full && is_aligned_16(x, codes);
    BlockPart part;
    load_part(part, x + block.start, block.elements, is_whole);
    fill_codes(shared.codes, is_signed);
    encode_part(codes + block.start, scales + block_x(), part, shared.codes, shared.places, block.elements, is_whole);
}

// x from codes and scales.
KERNEL BOUNDS(256, 4) block_codes_decode_f32(float* x, const unsigned char* codes, const float* scales, long long elements, int is_signed) {
    SHARED_MEMORY(memory);
    Shared& shared = *(Shared*)memory;
    CodeBlock block = this_code_block(elements);
    bool is_whole = block.is_full && is_aligned_16(x, codes);
    fill_codes(shared.codes, is_signed);
    block_barrier();
    BlockPart part;
    decode_part(part, codes + block.start, scales[block_x()], shared.codes, block.elements, is_whole);
    store_part(x + block.start, part, block.elements, is_whole);
}
