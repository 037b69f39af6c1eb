// A guest that boots in well under a second: no operating system, 32 bits, from a disk (boot.S) or as a
// multiboot image (`qemu -kernel`). It prints every PCI function it sees on COM1, then obeys one-letter
// commands on COM1 and plays the part of a guest in ACPI PCI hotplug (q35, libvirt's default: it ejects
// what the host asks for) and in ACPI shutdown (it powers off when the power button is pressed).
//
// Kernel command line (only as a multiboot image): words in any order
//   once        power off after the first listing
//   stubborn    ignore unplug requests and the power button
// Commands: s list again   q power off   r reset   h hang for ever   e be cooperative   E be stubborn
//           d exercise every edu device (1234:11e8): MMIO, and DMA through whatever IOMMU is below us
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0,%1" ::"a"(v), "Nd"(p)); }
static inline void outw(u16 p, u16 v) { __asm__ volatile("outw %0,%1" ::"a"(v), "Nd"(p)); }
static inline void outl(u16 p, u32 v) { __asm__ volatile("outl %0,%1" ::"a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1,%0" : "=a"(v) : "Nd"(p)); return v; }
static inline u16 inw(u16 p) { u16 v; __asm__ volatile("inw %1,%0" : "=a"(v) : "Nd"(p)); return v; }
static inline u32 inl(u16 p) { u32 v; __asm__ volatile("inl %1,%0" : "=a"(v) : "Nd"(p)); return v; }

enum {
  COM = 0x3f8,
  PM = 0x600,      // ICH9 power management, where SeaBIOS puts it: +0 status, +2 enable, +4 control
  BUTTON = 0x100,  // the power button's bit in status and enable
  PCIHP = 0xcc0    // ICH9 ACPI PCI hotplug: +0 up, +4 down, +8 eject, +0x10 bus selector
};

static void putc(char c) { while (!(inb(COM + 5) & 0x20)) {} outb(COM, c); }
static void puts(const char *s) { for (; *s; s++) { if (*s == '\n') putc('\r'); putc(*s); } }
static void hex(u32 v, int digits) { while (digits--) putc("0123456789abcdef"[(v >> (4 * digits)) & 15]); }

static u32 cfg(u32 bus, u32 dev, u32 fn, u32 off) {
  outl(0xcf8, 0x80000000u | bus << 16 | dev << 11 | fn << 8 | (off & 0xfc));
  return inl(0xcfc);
}
static void cfgw(u32 bus, u32 dev, u32 fn, u32 off, u32 v) {
  outl(0xcf8, 0x80000000u | bus << 16 | dev << 11 | fn << 8 | (off & 0xfc));
  outl(0xcfc, v);
}

static u32 highest_bus;
static void each(void (*f)(u32, u32, u32)) {
  highest_bus = 0;
  for (u32 b = 0; b <= highest_bus && b < 256; b++)
    for (u32 d = 0; d < 32; d++)
      for (u32 n = 0; n < 8; n++) {
        if ((cfg(b, d, n, 0) & 0xffff) == 0xffff) { if (!n) break; continue; }
        u32 h = cfg(b, d, n, 12) >> 16 & 0xff;
        if ((h & 0x7f) == 1) {                        // a bridge: look behind it
          u32 sub = cfg(b, d, n, 0x18) >> 16 & 0xff;
          if (sub > highest_bus) highest_bus = sub;
        }
        f(b, d, n);
        if (!n && !(h & 0x80)) break;
      }
}

static void show(u32 b, u32 d, u32 n) {
  u32 id = cfg(b, d, n, 0);
  puts("PCI "); hex(b, 2); putc(':'); hex(d, 2); putc('.'); hex(n, 1); putc(' ');
  hex(id & 0xffff, 4); putc(':'); hex(id >> 16, 4); puts(" class "); hex(cfg(b, d, n, 8) >> 8, 6);
  if ((cfg(b, d, n, 12) >> 16 & 0x7f) == 0)
    for (int i = 0; i < 6; i++) { u32 v = cfg(b, d, n, 0x10 + 4 * i); if (v) { puts(" bar"); hex(i, 1); putc('='); hex(v, 8); } }
  puts("\n");
}

static void list(void) { puts("GUEST list\n"); each(show); puts("GUEST end\n"); }

static void edu(u32 b, u32 d, u32 n) {                // MMIO and DMA, for real
  static u32 src[64] __attribute__((aligned(4096))), dst[64] __attribute__((aligned(4096)));
  if (cfg(b, d, n, 0) != 0x11e81234) return;
  cfgw(b, d, n, 4, cfg(b, d, n, 4) | 6);              // memory space, bus master
  volatile u32 *r = (volatile u32 *)(cfg(b, d, n, 0x10) & ~15u);
  puts("EDU "); hex(b, 2); putc(':'); hex(d, 2); putc('.'); hex(n, 1); puts(" id="); hex(r[0], 8);
  r[1] = 0x12345678; puts(" inv="); hex(r[1], 8);
  for (int i = 0; i < 64; i++) { src[i] = 0xa5000000u + i; dst[i] = 0; }
  r[0x20] = (u32)src; r[0x21] = 0; r[0x22] = 0x40000; r[0x23] = 0; r[0x24] = sizeof src; r[0x25] = 0; r[0x26] = 1;
  for (int i = 0; i < 100000000 && (r[0x26] & 1); i++) {}
  r[0x20] = 0x40000; r[0x21] = 0; r[0x22] = (u32)dst; r[0x23] = 0; r[0x24] = sizeof dst; r[0x25] = 0; r[0x26] = 3;
  for (int i = 0; i < 100000000 && (r[0x26] & 1); i++) {}
  int bad = 0;
  for (int i = 0; i < 64; i++) bad += ((volatile u32 *)dst)[i] != src[i];
  puts(bad ? " dma=BAD" : " dma=ok"); puts("\n");
}

static int has(const char *line, const char *w) {
  for (; *line; line++) { const char *a = line, *b = w; while (*b && *a == *b) a++, b++; if (!*b) return 1; }
  return 0;
}
static void off(void) { puts("GUEST off\n"); outw(PM + 4, 0x2000); for (;;) __asm__("hlt"); }

void main(u32 magic, u32 *mbi) {
  (void)magic;
  const char *line = (mbi[0] & 4) ? (const char *)mbi[4] : "";
  outb(COM + 1, 0); outb(COM + 3, 3); outb(COM + 2, 7);
  puts("\nGUEST boot\n"); list();
  if (has(line, "once")) off();
  int stubborn = has(line, "stubborn");
  outw(PM + 2, BUTTON);
  puts("GUEST ready\n");
  for (u32 tick = 0;; tick++) {
    if (inb(COM + 5) & 1) {
      switch (inb(COM)) {
        case 's': list(); break;
        case 'q': off(); break;
        case 'r': puts("GUEST reset\n"); outb(0xcf9, 6); break;
        case 'h': puts("GUEST hang\n"); for (;;) __asm__ volatile("cli; hlt"); break;
        case 'e': stubborn = 0; puts("GUEST cooperative\n"); break;
        case 'E': stubborn = 1; puts("GUEST stubborn\n"); break;
        case 'd': each(edu); puts("GUEST edu-end\n"); break;
      }
    }
    if (inw(PM) & BUTTON) {
      outw(PM, BUTTON);                               // written bits are cleared
      puts(stubborn ? "GUEST ignores the power button\n" : "GUEST power button\n");
      if (!stubborn) off();
    }
    if (tick % 64 == 0)
      for (u32 sel = 0; sel < 32; sel++) {            // one selector for each bus that can hotplug
        outl(PCIHP + 0x10, sel);
        u32 up = inl(PCIHP), down = inl(PCIHP + 4);
        if (up) { puts("GUEST plugged sel="); hex(sel, 2); puts(" slots="); hex(up, 8); puts("\n"); }
        if (down) {
          puts(stubborn ? "GUEST ignores unplug sel=" : "GUEST ejects sel="); hex(sel, 2); puts(" slots="); hex(down, 8); puts("\n");
          if (!stubborn) outl(PCIHP + 8, down);
        }
      }
    for (int i = 0; i < 200; i++) outb(0x80, 0);      // an idle loop that yields to the host a little
  }
}
