using Prisma.Core;

namespace Prisma.Tests.Hub;

/// <summary>What the environment says, and how names are read.</summary>
public sealed class HubOptionsTests : IDisposable
{
    private readonly TempFolder _home = new();

    [Fact]
    public void The_cache_lies_where_python_looks_for_it()
    {
        Assert.Equal("/h/.cache/huggingface/hub", Read(("HOME", "/h")).Cache);
        Assert.Equal("/x/huggingface/hub", Read(("HOME", "/h"), ("XDG_CACHE_HOME", "/x")).Cache);
        Assert.Equal("/hf/hub", Read(("HOME", "/h"), ("HF_HOME", "/hf")).Cache);
        Assert.Equal("/h/hf/hub", Read(("HOME", "/h"), ("HF_HOME", "~/hf")).Cache);
        Assert.Equal("/c", Read(("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c"), ("HUGGINGFACE_HUB_CACHE", "/old")).Cache);
    }

    [Fact]
    public void The_token_is_the_variable_or_the_file()
    {
        File.WriteAllText(_home["token"], " hf_file\n");
        Assert.Equal("hf_file", Read(("HF_HOME", _home.Path)).Token);
        Assert.Equal("hf_env", Read(("HF_HOME", _home.Path), ("HF_TOKEN", "hf_env\r\n")).Token);
        Assert.Null(Read(("HF_HOME", _home.Path), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token);
        Assert.Null(Read(("HF_HOME", "/nowhere")).Token);
        File.WriteAllText(_home["mine"], "hf_mine");
        Assert.Equal("hf_mine", Read(("HF_HOME", _home.Path), ("HF_TOKEN_PATH", _home["mine"])).Token);
    }

    [Fact]
    public void The_token_is_in_no_text() => Assert.DoesNotContain("hf_secret", $"{Read(("HF_TOKEN", "hf_secret"))}", StringComparison.Ordinal);

    [Theory]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData("ON", true)]
    [InlineData("0", false)]
    [InlineData("no", false)]
    public void Offline_is_said_as_in_python(string value, bool offline) => Assert.Equal(offline, Read(("HF_HUB_OFFLINE", value)).Offline);

    [Fact]
    public void The_endpoint_is_an_address()
    {
        Assert.Equal("https://huggingface.co/", Read().Endpoint.AbsoluteUri);
        Assert.Equal("http://mirror:8080/hf", Read(("HF_ENDPOINT", "http://mirror:8080/hf/")).Endpoint.AbsoluteUri);
        Assert.Contains("HF_ENDPOINT", Assert.Throws<OptionsException>(() => Read(("HF_ENDPOINT", "mirror"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("org/model", true)]
    [InlineData("gpt2", true)]
    [InlineData("laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", true)]
    [InlineData("org/model/more", false)]
    [InlineData("../model", false)]
    [InlineData("org/..", false)]
    [InlineData("org--a/model", false)]
    [InlineData("org/mo del", false)]
    [InlineData("/model", false)]
    [InlineData("org/model.git", false)]
    [InlineData("", false)]
    public void Ids_are_told_from_paths(string text, bool isOne) => Assert.Equal(isOne, HubId.TryParse(text, out _));

    [Theory]
    [InlineData("org/model", "org/model", "main", "")]
    [InlineData("org/model@v2", "org/model", "v2", "")]
    [InlineData("org/model/layer_0/a.npz", "org/model", "main", "layer_0/a.npz")]
    [InlineData("org/model@v2/layer_0/", "org/model", "v2", "layer_0")]
    public void Addresses_name_revisions_and_files(string text, string id, string revision, string path) =>
        Assert.Equal(new HubAddress(HubId.Parse(id), revision, path), HubAddress.TryParse(text));

    [Theory]
    [InlineData("model")]
    [InlineData("org/model/../x")]
    [InlineData("org/model@../x")]
    [InlineData("./model")]
    public void What_is_no_address_is_none(string text) => Assert.Null(HubAddress.TryParse(text));

    public void Dispose() => _home.Dispose();

    private static HubOptions Read(params (string Name, string Value)[] variables) =>
        HubOptions.FromEnvironment(name => variables.Where(variable => variable.Name == name).Select(variable => variable.Value).FirstOrDefault() ?? (name == "HOME" ? "/nobody" : null));
}
