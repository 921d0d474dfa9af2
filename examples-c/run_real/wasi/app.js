(()=>{var n=e=>[e,e];var t=class{constructor(r){this.word=r}#e=0;greet({name:r="world"}){return this.#e++,`${this.word}, ${r}! (${this.#e})`}};console.log(new t("hello").greet({}),n(1),42);})();
