namespace Prisma.Tests;

public sealed class MutationTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("saes/container_safetensors/files/all.safetensors")]
    [InlineData("saes/container_pt/files/legacy.pt")]
    [InlineData("saes/container_pt/files/zip.pt")]
    [InlineData("saes/container_pt/files/zip_modern.pt")]
    [InlineData("saes/container_npz/files/arrays.npz")]
    [InlineData("saes/container_npz/files/arrays_compressed.npz")]
    [InlineData("saes/container_npz/files/single.npy")]
    [InlineData("saes/prisma_pickled_gz/files/sae.pkl.gz")]
    [InlineData("pickles/plain_protocol_0.pkl")]
    [InlineData("pickles/plain_protocol_2.pkl")]
    [InlineData("pickles/plain_protocol_5.pkl")]
    [InlineData("pickles/namespace.pt")]
    [InlineData("pickles/jit.pt")]
    public void Randomly_damaged_files_are_read_or_refused_and_nothing_else(string fixture)
    {
        for (var seed = 0; seed < 2; seed++) Damage.Mutate(Fixtures.Find(fixture), _folder, seed, rounds: 100);
    }
}
