using Prisma.Core;

namespace Prisma.Tests;

/// <summary>Damages good files in every way and demands that only the error for damaged files comes out.</summary>
internal static class Damage
{
    /// <summary>Shorter versions of the file are refused, with its name: every length near both ends, and some hundred between.</summary>
    public static void TruncateEverywhere(string original, TempFolder folder)
    {
        var whole = File.ReadAllBytes(original);
        var name = "cut" + Path.GetExtension(original);
        for (var length = 0; length < whole.Length; length += length < 50 || length >= whole.Length - 50 ? 1 : 1 + whole.Length / 250)
        {
            var path = folder.Put(name, whole[..length]);
            var error = Assert.Throws<CheckpointException>(() => ReadEverything(path));
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Random bytes are changed, inserted and removed: the file either reads or is refused.</summary>
    public static void Mutate(string original, TempFolder folder, int seed, int rounds)
    {
        var random = new Random(seed);
        var whole = File.ReadAllBytes(original);
        for (var round = 0; round < rounds; round++)
        {
            var bytes = whole.ToList();
            for (var changes = random.Next(1, 5); changes > 0; changes--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(6))
                {
                    case 0: bytes.Insert(at, (byte)random.Next(256)); break;
                    case 1: bytes.RemoveAt(at); break;
                    case 2: bytes[at] = 0xFF; break;
                    case 3: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                    default: bytes[at] = (byte)random.Next(256); break;
                }
            }

            var path = folder.Put("hurt" + Path.GetExtension(original), [.. bytes]);
            try
            {
                ReadEverything(path);
            }
            catch (CheckpointException)
            {
                // What a damaged file is for.
            }
            catch (Exception e)
            {
                Assert.Fail($"{Path.GetFileName(original)}, seed {seed}, round {round}: {e}");
            }
        }
    }

    private static void ReadEverything(string path)
    {
        using var source = TensorSource.Open(path);
        foreach (var tensor in source.Tensors.Where(tensor => tensor.ByteCount < 1 << 24)) tensor.ToBytes();
    }
}
