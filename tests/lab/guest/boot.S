/* Boot sector: reads the flat guest image that follows it on the disk, enters protected mode, moves the
   image to 1 MiB and jumps to it as a multiboot loader would (magic in eax, an information block without
   any field in ebx). SECTORS comes from the build. BIOS calls: int 13h, extended read. */
    .code16
    .globl _boot
_boot:
    ljmp $0, $1f
1:  cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    mov $packet, %si
    mov $0x42, %ah
    int $0x13                      /* dl still holds the boot drive */
    jc failed
    in $0x92, %al                  /* open the A20 gate */
    or $2, %al
    and $0xfe, %al
    out %al, $0x92
    lgdt gdt_pointer
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmp $8, $protected
failed:
    hlt
    jmp failed

    .code32
protected:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    cld
    mov $0x10000, %esi
    mov $0x100000, %edi
    mov $(SECTORS * 128), %ecx
    rep movsl
    mov $0x2badb002, %eax
    mov $information, %ebx
    mov $(0x100000 + ENTRY_OFFSET), %ecx
    jmp *%ecx

    .align 8
gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
packet:                            /* disk address packet: SECTORS from sector 1 to 0x1000:0 */
    .byte 16, 0
    .word SECTORS, 0, 0x1000
    .quad 1
information:
    .long 0
    .org 510
    .word 0xaa55
    .section .note.GNU-stack, "", @progbits
