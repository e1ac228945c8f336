"""The addresses that ioCash published, as aliases of ours: this folder can be removed whole."""
